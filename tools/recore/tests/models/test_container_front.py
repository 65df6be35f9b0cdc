import signal
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from models.house_prices import (
    HOUSES_CSV,
    ml_folder,
    program_command,
    program_environment,
    run_program,
    write_house_prices,
)
from stagemaker_support.job_traces import wait_until
from stagemaker_support.simulator_client import Client

from recore.model.docker import ml2p_docker
from stagemaker.server import BUCKET

PARTS_MODULE = """
from recore.model import Model, ModelDatasetGenerator, ModelPredictor, ModelTrainer
from recore.model.errors import JobError


class Failing(ModelTrainer, ModelDatasetGenerator):
    def train(self):
        raise LookupError("no houses here")

    generate = train


class Unready(ModelPredictor):
    def setup(self):
        raise LookupError("no model here")


class Uploading(ModelDatasetGenerator):
    def generate(self):
        self.upload_to_s3(__file__)


class Unsourced(ModelDatasetGenerator):
    def generate(self):
        raise JobError("there are no houses at s3://a-bucket/houses")


class Silent(ModelDatasetGenerator):
    def generate(self):
        raise JobError


class SilentModel(Model):
    DATASET_GENERATOR = Silent


class FailingModel(Model):
    DATASET_GENERATOR = TRAINER = Failing
    PREDICTOR = Unready


class UnsourcedModel(Model):
    DATASET_GENERATOR = Unsourced


class UploadingModel(Model):
    DATASET_GENERATOR = Uploading


class Ready(Model):
    PREDICTOR = ModelPredictor


class Empty(Model):
    pass


NOT_A_MODEL = Failing
"""
WAITING_MODULE = """
import time
from pathlib import Path

from recore.model import Model, ModelPredictor, ModelTrainer


class Waiting(ModelTrainer, ModelPredictor):
    def setup(self):
        Path("begun").touch()
        time.sleep(60)

    train = setup


class WaitingModel(Model):
    TRAINER = PREDICTOR = Waiting
"""
COMMANDS = {"train": "TRAINING_JOB", "serve": "MODEL_VERSION", "generate-dataset": "DATASET"}


@pytest.fixture
def ml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "code").mkdir()
    (tmp_path / "code/front_parts.py").write_text(PARTS_MODULE)
    monkeypatch.syspath_prepend(tmp_path / "code")
    for name in COMMANDS.values():
        monkeypatch.delenv(f"ML2P_{name}", raising=False)
    return ml_folder(tmp_path / "ml")


def run_command(ml: Path, command: str, model: str | None, **variables: str) -> tuple[Result, str]:
    """Run a command. Return its result and the failure reason that SageMaker reads."""
    options = ["--ml-folder", str(ml), *(["--model", f"front_parts.{model}"] if model else []), command]
    result = CliRunner().invoke(ml2p_docker, options, env={f"ML2P_{COMMANDS[command]}": "the-name"} | variables)
    return result, (ml / "output/failure").read_text()


def test_a_training_job_stores_its_model(tmp_path: Path) -> None:
    code, ml = write_house_prices(tmp_path / "code"), ml_folder(tmp_path / "ml")
    result = run_program(code, ml, "train", ML2P_TRAINING_JOB="houses-1", ML2P_MODEL_CLS="house_prices.HousePrices")
    assert (result.returncode, result.stdout, result.stderr) == (0, "Starting training job houses-1.\nDone.\n", "")
    assert sorted(path.name for path in (ml / "model").iterdir()) == ["house.json", "validation.json"]


def test_a_dataset_is_generated(tmp_path: Path, connected_client: Client) -> None:
    code, ml = write_house_prices(tmp_path / "code"), ml_folder(tmp_path / "ml")
    url = f"s3://{BUCKET}/front"
    arguments = ("--model", "house_prices.HousePrices", "generate-dataset")
    result = run_program(code, ml, *arguments, ML2P_DATASET="2026", ML2P_S3_URL=url)
    assert (result.returncode, result.stdout, result.stderr) == (0, "Starting generation of dataset 2026.\nDone.\n", "")
    assert connected_client.get(f"{url}/datasets/2026/houses.csv").decode() == HOUSES_CSV


@pytest.mark.parametrize("command", COMMANDS)
def test_a_model_class_must_be_named(ml: Path, command: str) -> None:
    result, failure = run_command(ml, command, None)
    reason = f"The global parameter --model must either be given when calling the {command}"
    assert result.exit_code == 2
    assert f"Error: {reason}" in result.output
    assert failure.startswith(reason)


@pytest.mark.parametrize(
    ("command", "model", "variables", "reason"),
    [
        ("train", "Nothing", {}, "'front_parts.Nothing' cannot be imported: the module 'front_parts' has no"),
        ("serve", "no.Model", {}, "'front_parts.no.Model' cannot be imported: the module 'front_par"),
        ("generate-dataset", "NOT_A_MODEL", {}, "'front_parts.NOT_A_MODEL' is not a model class: it must be a subcl"),
        *(
            (command, "FailingModel", {"ML2P_S3_URL": "bucket/x"}, "the environment variable ML2P_S3_URL is invalid: ")
            for command in COMMANDS
        ),
        ("train", "Empty", {}, "Empty: .TRAINER should be an instance of ModelTrainer"),
        ("serve", "Empty", {}, "Empty: .PREDICTOR should be an instance of ModelPredictor"),
        ("generate-dataset", "Empty", {}, "Empty: .DATASET_GENERATOR should be an instance of ModelDatasetGenerator"),
        ("generate-dataset", "UnsourcedModel", {}, "there are no houses at s3://a-bucket/houses"),
        *(
            ("serve", "Ready", {name: value}, f"the environment variable {name} is {value[:40]!r}: it must be an int")
            for name in ("SAGEMAKER_BIND_TO_PORT", "MAX_CONTENT_LENGTH")
            for value in ("eighty", "-1", "9" * 5000)
        ),
        (
            "generate-dataset",
            "UploadingModel",
            {"ML2P_S3_URL": "s3://no-such-bucket-at-all/x"},
            "s3://no-such-bucket-at-all/x/datasets/the-name/front_parts.py could not be written: the bucket "
            "no-such-bucket-at-all does not exist: create it, or correct ML2P_S3_URL",
        ),
    ],
)
def test_a_known_reason_of_a_failure_is_one_line_of_the_log_and_of_the_file(
    ml: Path, connected_client: Client, command: str, model: str, variables: dict[str, str], reason: str
) -> None:
    result, failure = run_command(ml, command, model, **variables)
    assert result.exit_code == 1
    assert result.output.splitlines()[-1] == f"Error: {failure}"
    assert failure.startswith(reason)
    assert len(result.output.splitlines()) <= 2
    assert "\n" not in failure


@pytest.mark.parametrize("command", COMMANDS)
def test_exceptions_raised_by_a_part_are_reported(ml: Path, command: str) -> None:
    result, failure = run_command(ml, command, "FailingModel")
    assert result.exit_code == 1
    assert isinstance(result.exception, LookupError)
    lines = failure.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-1] == f"LookupError: no {'model' if command == 'serve' else 'houses'} here"
    assert "Done." not in result.output


def test_an_error_without_text_is_reported_by_its_traceback(ml: Path) -> None:
    result, failure = run_command(ml, "generate-dataset", "SilentModel")
    assert result.exit_code == 1
    assert failure.rstrip().endswith("JobError")


def test_recording_without_an_address_is_rejected(tmp_path: Path) -> None:
    code, ml = write_house_prices(tmp_path / "code"), ml_folder(tmp_path / "ml")
    variables = {"ML2P_MODEL_VERSION": "1", "ML2P_RECORD_INVOKES": "true", "SAGEMAKER_BIND_TO_PORT": "0"}
    result = run_program(code, ml, "--model", "house_prices.HousePrices", "serve", **variables)
    assert result.returncode == 1
    assert result.stderr == "Error: invocations cannot be recorded: set the environment variable ML2P_S3_URL\n"
    assert result.stdout.splitlines()[-1] == "torn down"


def test_a_folder_that_cannot_be_written_is_reported(ml: Path) -> None:
    (ml / "output").rmdir()
    (ml / "output").write_text("a file")
    result = CliRunner().invoke(ml2p_docker, ["--ml-folder", str(ml), "--model", "front_parts.FailingModel", "train"])
    assert isinstance(result.exception, LookupError)
    assert "The reason for the failure could not be written to a file" in result.output


@pytest.mark.parametrize("command", ["train", "serve"])
def test_sigterm_ends_the_program_during_training_or_setup(tmp_path: Path, command: str) -> None:
    (tmp_path / "waiting.py").write_text(WAITING_MODULE)
    arguments = program_command(ml_folder(tmp_path / "ml"), "--model", "waiting.WaitingModel", command)
    with subprocess.Popen(arguments, cwd=tmp_path, env=program_environment(tmp_path, {})) as process:
        wait_until(lambda: (tmp_path / "begun").exists() or process.poll() is not None)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 128 + signal.SIGTERM


def test_help_and_version() -> None:
    result = CliRunner().invoke(ml2p_docker, ["--help"])
    assert result.exit_code == 0
    assert all(command in result.output for command in COMMANDS)
    assert CliRunner().invoke(ml2p_docker, ["--version"]).output == "ml2p-docker, version 0.6.0\n"
    for command in COMMANDS:
        assert CliRunner().invoke(ml2p_docker, [command, "--help"]).exit_code == 0
