"""The group of production commands, with shared options and error handling."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recore.backends import SimulatorGoneError
from recore.challenge import challenge, reword
from recore.cli.common import FILE, show_json, show_line
from recore.distribution import PROGRAM
from recore.text import plain

if TYPE_CHECKING:
    from recore.production.project import Outcome, ProductionProject

public_option = click.option(
    "--public", type=FILE, help="Data with assays.  [default: INPUT_DATA, or from data/ in SUBMISSION or here]"
)
engine_option = click.option(
    "--engine", type=click.Choice(["aws"]), help="Use AWS.  [default: the simulator at AWS_ENDPOINT_URL]"
)
config_option = click.option("--config", type=FILE, help="Settings file.  [default: config.json, if it exists]")
as_json = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


@contextmanager
def reported_errors() -> Iterator[None]:
    """Exit with status 1 and a one-line message if work fails. Raises ValueError if an AWS request fails."""
    from botocore.exceptions import BotoCoreError, ClientError

    from recore.production.project import WorkFailedError

    try:
        yield
    except (WorkFailedError, SimulatorGoneError) as error:
        note = "; training, tuning and updates continue" if isinstance(error, SimulatorGoneError) else ""
        click.echo(f"recore: {plain(str(error), 2000)}{note}", err=True)
        raise SystemExit(1) from None
    except (BotoCoreError, ClientError) as error:
        from recore.failures import explain_aws_error

        raise ValueError(explain_aws_error(error)) from error


class ProductionGroup(click.Group):
    """A group whose commands report errors in one line."""

    def invoke(self, ctx: click.Context) -> Any:
        with reported_errors():
            return super().invoke(ctx)


@click.group(cls=ProductionGroup)
@engine_option
@config_option
@click.pass_context
def production(ctx: click.Context, engine: str | None, config: Path | None) -> None:
    """Run a model in production: versions, endpoints, updates.

    A version is a model with two containers: one computes the model's inputs from raw spectra, the other predicts
    assays. Commands use the simulator that runs at AWS_ENDPOINT_URL or, with --engine aws, AWS, where instances cost
    money. Repeating a completed command changes nothing. With --json, commands print JSON.

    Exit status: 0 success, 1 the work failed, 2 usage error, invalid input or a rejected request.

    \b
    Example:
      python -m recore production train
      python -m recore production approve 1
      python -m recore production deploy
    """
    ctx.obj = (engine, config)


def open_here() -> "AbstractContextManager[ProductionProject]":
    """Open the project for the current command. Raises BackendError or ValueError if it cannot be opened."""
    from recore.production.project import open_project

    return open_project(*click.get_current_context().obj)


def choose_public(project: "ProductionProject", submission: Path, public: Path | None) -> Path | None:
    """Return the data file to train with, or None to use the setting INPUT_DATA.

    Raises ValueError or OSError if the file cannot be read or has no assays.
    """
    from recore.data_file import read_header
    from recore.evaluation import find_data_files

    if public is None and project.settings.input_data:
        return None
    public = public or find_data_files(submission).public
    if not {*challenge().targets} & {*read_header(public)}:  # before anything is uploaded or started
        raise ValueError(f"{public}: there are no assays to train on; choose another data file with --public")
    return public


def show_costs(command: str, lines: Sequence[str]) -> None:
    """Print lines about the instances that a command is about to start."""
    for line in lines:
        show_line(f"{command}: {line}")


def show_outcome(outcome: "Outcome", as_json: bool, costs: Sequence[str] = ()) -> None:
    """Print the result of a command, and the command to run next.

    costs: the lines that show_costs has already printed, to include in the JSON output.
    """
    if as_json:
        next_command = f"production {outcome.next_command}" if outcome.next_command else None
        instances = [*costs, *outcome.costs] if outcome.changed else []
        show_json({"changed": outcome.changed, "next": next_command, "instances": instances} | outcome.details)
        return
    for line in (*outcome.lines, *outcome.costs):
        click.echo(plain(reword(line), 2000))
    if outcome.next_command:
        click.echo(f"next: {PROGRAM} production {outcome.next_command}")
