"""`recore ml2p model`."""

import click

from recore.cli.ml2p.group import model_type, named, open_project, show
from recore.ml2p import describe_version, list_resources, models


@click.group()
def model() -> None:
    """Create models from training jobs, named MODEL-X-Y-Z.

    \b
    Example:
      python -m recore ml2p model create houses-1-0-0
      python -m recore ml2p model describe houses-1-0-0
    """


@model.command("list")
def list_command() -> None:
    """List the project's models."""
    show(list_resources(open_project(), models.MODEL))


@named(model)
@click.option("-t", "--training-job", help="The training job.  [default: NAME without its last number]")
@model_type
def create(name: str, training_job: str | None, model_type: str | None) -> None:
    """Create a model from a completed training job.

    \b
    Example:
      python -m recore ml2p model create houses-1-0-0 --training-job houses-1-0
    """
    show(models.create(open_project(), name, training_job, model_type))


@named(model)
def describe(name: str) -> None:
    """Describe a model and its version.

    `Version` has the training job's record with its metrics, the image, the class and the hash of the code.
    """
    show(describe_version(open_project(), models.MODEL, name))


@named(model)
def delete(name: str) -> None:
    """Delete a model. Its name cannot be used again."""
    models.delete(open_project(), name)
