"""S3URL, and SageMakerEnv's folders and its attributes for each environment type."""

import json
import os
from pathlib import Path

import pytest

from recore.model import S3URL, SageMakerEnv, SageMakerEnvType
from recore.model.errors import ConfigError
from recore.model.hyperparameters import encode

ALL_VARIABLES = {
    "ML2P_DATASET": "houses-2026",
    "ML2P_TRAINING_JOB": "houses-train-1",
    "ML2P_MODEL_VERSION": "houses-1-0",
    "ML2P_PROJECT": "houses",
    "ML2P_S3_URL": "s3://bucket/houses",
    "ML2P_MODEL_CLS": "house_prices.HousePrices",
    "ML2P_RECORD_INVOKES": "true",
}
ATTRIBUTES = ("dataset_name", "training_job_name", "model_version", "project", "model_cls", "record_invokes")


def env_and_attributes(*names: str) -> tuple[SageMakerEnv, list[object]]:
    env = SageMakerEnv("/opt/ml", {name: ALL_VARIABLES[name] for name in names})
    return env, [getattr(env, name) for name in ATTRIBUTES]


def test_environment_types_match_ml2p() -> None:
    values = {kind.name: kind.value for kind in SageMakerEnvType}
    assert values == {
        "DATASET": "dataset",
        "TRAIN": "train",
        "SERVE": "serve",
        "LOCAL": "local",
        "UNKNOWN": "unknown",
    }
    for name in values:
        assert getattr(SageMakerEnv, name) is SageMakerEnvType[name]


def test_a_dataset_environment() -> None:
    env, values = env_and_attributes("ML2P_DATASET", "ML2P_PROJECT", "ML2P_S3_URL")
    assert env.env_type is SageMakerEnvType.DATASET
    assert values == ["houses-2026", None, None, "houses", None, False]
    assert env.s3 is not None
    assert env.s3.url("x") == "s3://bucket/houses/x"


def test_a_training_environment() -> None:
    env, values = env_and_attributes("ML2P_TRAINING_JOB", "ML2P_PROJECT", "ML2P_MODEL_CLS")
    assert env.env_type is SageMakerEnvType.TRAIN
    assert values == [None, "houses-train-1", None, "houses", "house_prices.HousePrices", False]
    assert env.s3 is None


def test_a_serving_environment() -> None:
    env, values = env_and_attributes("ML2P_MODEL_VERSION", "ML2P_RECORD_INVOKES")
    assert env.env_type is SageMakerEnvType.SERVE
    assert values == [None, None, "houses-1-0", None, None, True]


def test_an_environment_without_variables() -> None:
    env, values = env_and_attributes()
    assert env.env_type is SageMakerEnvType.UNKNOWN
    assert values == [None, None, None, None, None, False]


def test_environment_types_have_a_precedence() -> None:
    """Datasets come before training jobs, and training jobs before model versions. Every type reads all variables."""
    env, values = env_and_attributes(*ALL_VARIABLES)
    assert env.env_type is SageMakerEnvType.DATASET
    assert values == ["houses-2026", "houses-train-1", "houses-1-0", "houses", "house_prices.HousePrices", True]
    env, _ = env_and_attributes("ML2P_TRAINING_JOB", "ML2P_MODEL_VERSION")
    assert env.env_type is SageMakerEnvType.TRAIN


@pytest.mark.parametrize(
    ("variables", "kind"),
    [
        ({"ML2P_DATASET": "", "ML2P_MODEL_VERSION": "m"}, SageMakerEnvType.SERVE),
        ({"ML2P_TRAINING_JOB": "", "ML2P_MODEL_VERSION": "m"}, SageMakerEnvType.SERVE),
        ({"ML2P_MODEL_VERSION": ""}, SageMakerEnvType.UNKNOWN),
    ],
)
def test_an_empty_variable_does_not_decide_the_type(variables: dict[str, str], kind: SageMakerEnvType) -> None:
    assert SageMakerEnv("/opt/ml", variables).env_type is kind


def test_variables_come_from_the_process_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ML2P_PROJECT", "of the process")
    assert SageMakerEnv("/opt/ml").project == "of the process"
    assert SageMakerEnv("/opt/ml", {}).project is None


@pytest.mark.parametrize("text", ["True", "TRUE", "1", "yes", "", " true"])
def test_only_true_in_lower_case_enables_recording(text: str) -> None:
    assert SageMakerEnv("/opt/ml", {"ML2P_RECORD_INVOKES": text}).record_invokes is False


@pytest.mark.parametrize("url", ["bucket/houses", "http://bucket/houses", "s3://", "s3:///houses"])
def test_an_address_outside_s3_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match=r"ML2P_S3_URL is invalid: .*the form s3://bucket/folder"):
        SageMakerEnv("/opt/ml", {"ML2P_S3_URL": url})


def test_folders_follow_sagemakers_layout(tmp_path: Path) -> None:
    env = SageMakerEnv(str(tmp_path), {})
    assert env.dataset_folder() == tmp_path / "input/data/training"
    assert env.data_channel_folder("extra") == tmp_path / "input/data/extra"
    assert env.model_folder() == tmp_path / "model"
    with pytest.warns(DeprecationWarning, match="data_channel_folder"):
        assert env.dataset_folder("extra") == tmp_path / "input/data/extra"
    assert os.listdir(tmp_path) == []


def test_resourceconfig_is_read(tmp_path: Path) -> None:
    env = SageMakerEnv(tmp_path, {})
    assert env.resourceconfig() == {}
    file = tmp_path / "input/config/resourceconfig.json"
    file.parent.mkdir(parents=True)
    file.write_text('{"current_host": "algo-1"}')
    assert env.resourceconfig() == {"current_host": "algo-1"}
    for text in ("{", "[]"):
        file.write_text(text)
        with pytest.raises(ConfigError, match=r"config\.json (is not valid JSON|does not contain a JSON object)"):
            env.resourceconfig()


def write_hyperparameters(folder: Path, text: str) -> SageMakerEnv:
    (folder / "input/config").mkdir(parents=True)
    (folder / "input/config/hyperparameters.json").write_text(text)
    return SageMakerEnv(folder, {})


def test_hyperparameters_are_decoded(tmp_path: Path) -> None:
    """SageMaker's own hyperparameters, which are plain strings, are left out."""
    assert SageMakerEnv(tmp_path, {}).hyperparameters() == {}
    values = {"fit": {"alpha": 0.1, "on": True}, "name": "ridge"}
    sagemaker_settings = {"sagemaker_program": "job.py", "_tuning_objective_metric": "validation:r2"}
    env = write_hyperparameters(tmp_path, json.dumps(encode(values) | sagemaker_settings))
    assert env.hyperparameters() == values


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", r"hyperparameters\.json is not valid JSON"),
        ("[]", r"hyperparameters\.json does not contain a JSON object"),
        ('{"name": "ridge"}', "the hyperparameters are invalid: Value 'ridge' for key 'name' is not valid JSON"),
        ('{"a": "1", "a.b": "2"}', "the hyperparameters are invalid: Key 'a.b' conflicts"),
        ('{"a": 1}', "the hyperparameters are invalid: Value 1 for key 'a' is not valid JSON"),
    ],
)
def test_invalid_hyperparameters_are_refused(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        write_hyperparameters(tmp_path, text).hyperparameters()


def test_a_failure_is_written_unchanged(tmp_path: Path) -> None:
    env = SageMakerEnv(tmp_path, {})
    env.write_failure("first\nsecond \u00e9")
    env.write_failure("only\nlines")
    assert (tmp_path / "output/failure").read_text("utf-8") == "only\nlines"


@pytest.mark.parametrize(
    ("address", "bucket", "path", "url"),
    [
        ("s3://bucket/a/b", "bucket", "a/b/x.csv", "s3://bucket/a/b/"),
        ("s3://bucket/a/b/", "bucket", "a/b/x.csv", "s3://bucket/a/b/"),
        ("s3://bucket", "bucket", "x.csv", "s3://bucket/"),
        ("s3://bucket/", "bucket", "x.csv", "s3://bucket/"),
    ],
)
def test_s3_addresses_are_split_and_joined(address: str, bucket: str, path: str, url: str) -> None:
    s3 = S3URL(address)
    assert s3.bucket() == bucket
    assert s3.path("x.csv") == s3.path("/x.csv") == path
    assert s3.url() == url
    assert s3.url("x.csv") == f"{url}x.csv"
    assert s3.url("folder/") == f"{url}folder/"
