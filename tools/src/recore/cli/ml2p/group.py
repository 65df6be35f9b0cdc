"""The group of all commands for a project, its options and its errors."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recore.cli.common import FILE, name_program
from recore.cli.progress import progress_bar
from recore.text import plain

if TYPE_CHECKING:
    from recore.ml2p import Project

model_type = click.option("-m", "--model-type", help="The model, as the section `models` of the project file names it.")


class ProjectGroup(click.Group):
    """A group whose commands report an invalid project file, or a request that AWS refused, in one line.

    Its commands are added when the group is used, because the modules that they need take long to import. All of them
    are, because click suggests a similar name only among the commands that were added.
    """

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        from recore.cli.ml2p.dataset_commands import dataset
        from recore.cli.ml2p.endpoint_commands import endpoint
        from recore.cli.ml2p.model_commands import model
        from recore.cli.ml2p.refused_commands import notebook, repo
        from recore.cli.ml2p.training_job_commands import training_job

        for command in (dataset, training_job, model, endpoint, notebook, repo):
            name_program(command)
            self.add_command(command)
        return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError

        from recore.failures import explain_aws_error
        from recore.ml2p import USER_ERRORS, FailedError

        try:
            return super().invoke(ctx)
        except USER_ERRORS as error:
            raise ValueError(str(error)) from error
        except FailedError as error:
            click.echo(f"recore: {plain(str(error), 2000)}", err=True)
            raise SystemExit(1) from None
        except (BotoCoreError, ClientError) as error:
            raise ValueError(explain_aws_error(error)) from error


@click.group(cls=ProjectGroup)
@click.option("--cfg", type=FILE, default="ml2p.yml", help="The project file.")
@click.pass_context
def ml2p(ctx: click.Context, cfg: Path) -> None:
    """Train and serve models written as classes, as ML2P does.

    A project has datasets, training jobs, models and endpoints. Commands, names and the project file are those of ML2P
    0.6.0; tools/docs/recore/models.md explains them. The commands go to AWS as boto3 is configured, or to a simulator
    if AWS_ENDPOINT_URL says so. They print JSON.

    Exit status: 0 success, 1 the awaited resource failed, 2 wrong use, invalid input or a refused request.

    \b
    Example:
      python -m recore ml2p init
      python -m recore ml2p dataset generate houses-20260131
      python -m recore ml2p training-job create houses-1-0 houses-20260131
      python -m recore ml2p model create houses-1-0-0
      python -m recore ml2p endpoint create houses-1-0-0-live
    """
    ctx.obj = cfg


@ml2p.command()
def init() -> None:
    """Prepare the project's folder on S3.

    The bucket must exist.

    \b
    Example:
      python -m recore ml2p init
    """
    from recore.ml2p import prepare

    show(prepare(open_project()))


def named(group: click.Group, command: str | None = None) -> Callable[[Callable[..., None]], click.Command]:
    """Make a function a command of a group, whose first argument is the NAME of a resource.

    command: its name, by default that of the function.
    """
    return lambda function: group.command(command)(click.argument("name")(function))


def open_project() -> "Project":
    """Return the project of this command. Raises ConfigError if its file is invalid."""
    from recore.ml2p import Project

    return Project(click.get_current_context().obj)


def show(result: Any) -> None:
    """Print a result as JSON, without boto3's description of the HTTP response."""
    if isinstance(result, dict):
        result = {name: value for name, value in result.items() if name != "ResponseMetadata"}
    click.echo(json.dumps(result, indent=2, default=str))


@contextmanager
def transferred(what: str) -> Iterator[Callable[[int], None]]:
    """Show on a terminal how many bytes were transferred. Yields a function that adds to their number."""
    from rich.progress import FileSizeColumn, TextColumn, TransferSpeedColumn

    with progress_bar(TextColumn(what), FileSizeColumn(), TransferSpeedColumn()) as bar:
        task = bar.add_task("", total=None)
        yield lambda size: bar.update(task, advance=size)
