"""`recore ml2p training-job`."""

import json
from pathlib import Path
from typing import Any

import click

from recore.cli.common import FOLDER, show_line
from recore.cli.ml2p.group import model_type, named, open_project, show, transferred
from recore.ml2p import describe_version, list_resources, training_jobs, wait


def hyperparameter(option: str) -> tuple[str, Any]:
    """Return the name and the value, which is JSON or otherwise a text, of NAME=VALUE."""
    name, equals, text = option.partition("=")
    if not (name and equals):
        raise click.BadParameter(f"{option!r} is not NAME=VALUE")
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
    show(list_resources(open_project(), training_jobs.TRAINING_JOB))


@named(training_job)
@click.argument("dataset")
@model_type
@click.option(
    "--hyperparameter",
    "hyperparameters",
    type=hyperparameter,
    metavar="NAME=VALUE",
    multiple=True,
    help="A hyperparameter whose value is JSON or a string; repeatable. It overrides the project file.",
)
def create(name: str, dataset: str, model_type: str | None, hyperparameters: tuple[tuple[str, Any], ...]) -> None:
    """Start a training job on a DATASET.

    \b
    Example:
      python -m recore ml2p training-job create houses-1-0 houses-20260131
      python -m recore ml2p training-job create houses-1-1 houses-20260131 \\
          --hyperparameter alpha=0.1
    """
    with transferred("reading the dataset") as advance:
        answer = training_jobs.create(open_project(), name, dataset, model_type, dict(hyperparameters), advance)
    show(answer)


@named(training_job)
def describe(name: str) -> None:
    """Describe a training job and its version.

    `Version` has the hashes of data and code, the image, the class and the hyperparameters.
    """
    show(describe_version(open_project(), training_jobs.TRAINING_JOB, name))


@named(training_job, "wait")
def wait_command(name: str) -> None:
    """Wait until a training job is completed."""
    wait(open_project(), training_jobs.TRAINING_JOB, name, show_line)


@named(training_job)
@click.argument("folder", type=FOLDER)
def download(name: str, folder: Path) -> None:
    """Download a model into a local environment.

    The training job's output goes to FOLDER/model, where LocalEnv looks for it.
    """
    show({"folder": str(training_jobs.open_locally(open_project(), name, folder).model_folder())})
