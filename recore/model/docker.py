"""The program of a container: train, serve or generate a dataset with a model class, as SageMaker starts it.

python -m recore.model [--ml-folder FOLDER] [--model package.module.Class] train | serve | generate-dataset
"""

import atexit
import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import click

from .classes import MissingPartError, Model
from .environment import SageMakerEnv, read_number
from .errors import ConfigError, JobError, UploadError
from .loading import ModelClassError, load_model
from .logs import log_to_stdout
from .version import __version__
from .web_app import app

ONE_LINE = (ConfigError, JobError, MissingPartError, ModelClassError, UploadError)  # what needs no traceback
NO_MODEL = (
    "The global parameter --model must either be given when calling the {command} command or --model-type must be"
    " given when {otherwise}."
)


class ContainerOptions:
    """What the options say. model_name: of the option, or None."""

    def __init__(self, ml_folder: str, model_name: str | None):
        self._ml_folder, self._model_name = ml_folder, model_name

    def start(self, command: str, otherwise: str) -> tuple[SageMakerEnv, Model]:
        """Return the environment and the model. Raises click's errors, and what the model's module raises."""
        try:
            env = SageMakerEnv(self._ml_folder)
        except ConfigError as error:
            note_failure(SageMakerEnv(self._ml_folder, {}), error)
            raise
        name = self._model_name or env.model_cls
        if not name:
            reason = NO_MODEL.format(command=command, otherwise=otherwise)
            write_failure(env, reason)
            raise click.UsageError(reason)
        try:
            return env, load_model(name)
        except Exception as error:
            note_failure(env, error)
            raise


def note_failure(env: SageMakerEnv, error: Exception, model: Model | None = None) -> None:
    """Write to output/failure why a command fails: a traceback, or one line if the error is clear without it.

    Raises ClickException in the second case, so that the log, too, has one line only.
    """
    name = f"{type(model).__name__}: " if isinstance(error, MissingPartError) else ""
    line = f"{name}{error}" if isinstance(error, ONE_LINE) else None
    write_failure(env, line or traceback.format_exc())
    if line:
        raise click.ClickException(line) from error


def write_failure(env: SageMakerEnv, text: str) -> None:
    """Write to output/failure why a command fails. If that does not work, the log says so."""
    try:
        env.write_failure(text)
    except OSError as problem:
        click.echo(f"The reason of the failure could not be written to a file: {problem}", err=True)


@contextmanager
def failure_noted(env: SageMakerEnv, model: Model) -> Iterator[None]:
    """Write why a command fails to SageMaker's file for it, too."""
    try:
        yield
    except Exception as error:
        note_failure(env, error, model)
        raise


@click.group(name="ml2p-docker")
@click.version_option(__version__)
@click.option(
    "--ml-folder",
    default=lambda: os.environ.get("SAGEMAKER_BASE_DIR") or "/opt/ml/",
    show_default="/opt/ml/",
    help="The folder that SageMaker fills.",
)
@click.option("--model", default=None, help="The model class, package.module.Class; by default ML2P_MODEL_CLS.")
@click.pass_context
def ml2p_docker(context: click.Context, ml_folder: str, model: str | None) -> None:
    """ML2P Sagemaker Docker container helper CLI."""
    log_to_stdout()
    context.obj = ContainerOptions(ml_folder, model)


@ml2p_docker.command()
@click.pass_obj
def train(options: ContainerOptions) -> None:
    """Train the model."""
    env, model = options.start("train", "creating the training job")
    click.echo(f"Starting training job {env.training_job_name}.")
    with failure_noted(env, model):
        trainer = model.trainer(env)
        trainer.train()
    click.echo("Done.")


@ml2p_docker.command()
@click.pass_obj
def serve(options: ContainerOptions) -> None:
    """Serve the model and make predictions."""
    env, model = options.start("serve", "creating the model")
    click.echo(f"Starting server for model version {env.model_version}.")
    with failure_noted(env, model):
        predictor = app.predictor = model.predictor(env)
        predictor.setup()
        atexit.register(predictor.teardown)
        app.run(host="0.0.0.0", port=read_number("SAGEMAKER_BIND_TO_PORT", 8080), debug=False)  # noqa: S104
    click.echo("Done.")


@ml2p_docker.command()
@click.pass_obj
def generate_dataset(options: ContainerOptions) -> None:
    """Generates a dataset for training the model."""
    env, model = options.start("generate-dataset", "generating the dataset")
    click.echo(f"Starting generation of dataset {env.dataset_name}.")
    with failure_noted(env, model):
        dataset_generator = model.dataset_generator(env)
        dataset_generator.generate()
    click.echo("Done.")
