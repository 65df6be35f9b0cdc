"""`recore ml2p training-job`."""

import json
from pathlib import Path
from typing import Any

import click

from recore.cli.common import FOLDER
from recore.cli.ml2p.group import model_type, open_project, show, tell_status, transferred


class Hyperparameter(click.ParamType[tuple[str, Any]]):
    """A hyperparameter and its value in JSON; what is not JSON is a text."""

    name = "hyperparameter"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Any]:
        name, equals, text = str(value).partition("=")
        if not (name and equals):
            self.fail(f"{value!r} is not NAME=VALUE", param, ctx)
        try:
            return name, json.loads(text)
        except ValueError:
            return name, text


@click.group("training-job")
def training_job() -> None:
    """Train models in jobs, named MODEL-X-Y.

    \b
    Example:
      python -m recore ml2p training-job create houses-1-0 houses-20260131
      python -m recore ml2p training-job wait houses-1-0
      python -m recore ml2p training-job download houses-1-0 local
    """


@training_job.command("list")
def list_command() -> None:
    """List the project's training jobs."""
    from recore.ml2p import training_jobs

    show(training_jobs.list_training_jobs(open_project()))


@training_job.command()
@click.argument("name")
@click.argument("dataset")
@model_type
@click.option(
    "--hyperparameter",
    "hyperparameters",
    type=Hyperparameter(),
    metavar="NAME=VALUE",
    multiple=True,
    help="A hyperparameter, with a value in JSON or a text; repeatable. It replaces that of the project file.",
)
def create(name: str, dataset: str, model_type: str | None, hyperparameters: tuple[tuple[str, Any], ...]) -> None:
    """Start a training job on a DATASET.

    \b
    Example:
      python -m recore ml2p training-job create houses-1-0 houses-20260131
      python -m recore ml2p training-job create houses-1-1 houses-20260131 \\
          --hyperparameter alpha=0.1
    """
    from recore.ml2p import training_jobs

    with transferred("reading the dataset") as advance:
        answer = training_jobs.create(open_project(), name, dataset, model_type, dict(hyperparameters), advance)
    show(answer)


@training_job.command()
@click.argument("name")
def describe(name: str) -> None:
    """Describe a training job and its version.

    `Version` has the hashes of data and code, the image, the class and the hyperparameters.
    """
    from recore.ml2p import training_jobs

    show(training_jobs.describe(open_project(), name))


@training_job.command()
@click.argument("name")
def wait(name: str) -> None:
    """Wait until a training job is completed."""
    from recore.ml2p import training_jobs

    training_jobs.wait_until_completed(open_project(), name, tell_status)


@training_job.command()
@click.argument("name")
@click.argument("folder", type=FOLDER)
def download(name: str, folder: Path) -> None:
    """Download a model into a local environment.

    What the training job left goes to FOLDER/model, where LocalEnv looks for it.
    """
    from recore.ml2p import training_jobs

    show({"folder": str(training_jobs.open_locally(open_project(), name, folder).model_folder())})
