"""The entry point of a container, as SageMaker runs it: train, serve or generate a dataset with a model class.

python -m recore.model [--ml-folder FOLDER] [--model package.module.Class] train | serve | generate-dataset
"""

import atexit
import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import click

from .classes import MissingPartError, Model, ModelClassError, load_model
from .environment import SageMakerEnv, __version__, log_to_stdout, read_number
from .errors import ConfigError, JobError, UploadError
from .web_app import app

ONE_LINE = (ConfigError, JobError, MissingPartError, ModelClassError, UploadError)  # clear without a traceback
NO_MODEL = (
    "The global parameter --model must either be given when calling the {command} command or --model-type must be"
    " given when {otherwise}."
)


@dataclass(frozen=True)
class ContainerOptions:
    """The options of the command. model: the dotted name of the model class, or None."""

    ml_folder: str
    model: str | None

    @contextmanager
    def start(self, command: str, otherwise: str) -> Iterator[tuple[SageMakerEnv, Model]]:
        """Return a context manager that yields the environment and the model, and writes errors to output/failure.

        Errors that are clear without a traceback are written as one line and raised again as ClickException.
        """
        env, model = SageMakerEnv(self.ml_folder, {}), None
        try:
            env = SageMakerEnv(self.ml_folder)
            name = self.model or env.model_cls
            if not name:
                raise click.UsageError(NO_MODEL.format(command=command, otherwise=otherwise))
            model = load_model(name)
            yield env, model
        except click.UsageError as error:
            write_failure(env, error.message)
            raise
        except ONE_LINE as error:
            line = f"{type(model).__name__}: {error}" if isinstance(error, MissingPartError) else str(error)
            write_failure(env, line or traceback.format_exc())
            if not line:
                raise
            raise click.ClickException(line) from error
        except Exception:
            write_failure(env, traceback.format_exc())
            raise


def write_failure(env: SageMakerEnv, reason: str) -> None:
    """Write the reason for a failure where SageMaker reads it; print an error if that fails."""
    try:
        env.write_failure(reason)
    except OSError as problem:
        click.echo(f"The reason for the failure could not be written to a file: {problem}", err=True)


@click.group(name="ml2p-docker")
@click.version_option(__version__)
@click.option(
    "--ml-folder",
    default=lambda: os.environ.get("SAGEMAKER_BASE_DIR") or "/opt/ml/",
    show_default="/opt/ml/",
    help="Folder that SageMaker populates.",
)
@click.option("--model", default=None, help="Model class, as package.module.Class; by default ML2P_MODEL_CLS.")
@click.pass_context
def ml2p_docker(context: click.Context, ml_folder: str, model: str | None) -> None:
    """ML2P Sagemaker Docker container helper CLI."""
    log_to_stdout()
    context.obj = ContainerOptions(ml_folder, model)


@ml2p_docker.command()
@click.pass_obj
def train(options: ContainerOptions) -> None:
    """Train the model."""
    with options.start("train", "creating the training job") as (env, model):
        click.echo(f"Starting training job {env.training_job_name}.")
        model.trainer(env).train()
    click.echo("Done.")


@ml2p_docker.command()
@click.pass_obj
def serve(options: ContainerOptions) -> None:
    """Serve the model and make predictions."""
    with options.start("serve", "creating the model") as (env, model):
        click.echo(f"Starting server for model version {env.model_version}.")
        predictor = app.predictor = model.predictor(env)
        predictor.setup()
        atexit.register(predictor.teardown)
        app.run(host="0.0.0.0", port=read_number("SAGEMAKER_BIND_TO_PORT", 8080), debug=False)  # noqa: S104
    click.echo("Done.")


@ml2p_docker.command()
@click.pass_obj
def generate_dataset(options: ContainerOptions) -> None:
    """Generates a dataset for training the model."""  # ML2P's words
    with options.start("generate-dataset", "generating the dataset") as (env, model):
        click.echo(f"Starting generation of dataset {env.dataset_name}.")
        model.dataset_generator(env).generate()
    click.echo("Done.")
