import json
import os
from pathlib import Path

import pytest

from recore.model import S3URL, SageMakerEnv, SageMakerEnvType
from recore.model.errors import ConfigError
from recore.model.hyperparameter_encoding import encode

DATA, JOB, VERSION = {"ML2P_DATASET": "d-2026"}, {"ML2P_TRAINING_JOB": "j-1"}, {"ML2P_MODEL_VERSION": "v-1-0"}
ML2P_ENV = {"ML2P_PROJECT": "houses", "ML2P_MODEL_CLS": "house_prices.HousePrices", "ML2P_RECORD_INVOKES": "true"}
EMPTY = {"ML2P_DATASET": "", "ML2P_TRAINING_JOB": ""}


@pytest.mark.parametrize(
    ("variables", "kind", "names"),
    [
        (DATA, "dataset", ("d-2026", None, None)),
        (JOB, "train", (None, "j-1", None)),
        (VERSION, "serve", (None, None, "v-1-0")),
        ({}, "unknown", (None, None, None)),
        (DATA | JOB | VERSION, "dataset", ("d-2026", "j-1", "v-1-0")),
        (JOB | VERSION, "train", (None, "j-1", "v-1-0")),
        (EMPTY | VERSION, "serve", ("", "", "v-1-0")),
        ({"ML2P_MODEL_VERSION": ""}, "unknown", (None, None, "")),
    ],
)
def test_the_variables_decide_the_type_and_give_the_attributes(
    variables: dict[str, str], kind: str, names: tuple[str | None, ...]
) -> None:
    env = SageMakerEnv("/opt/ml", variables)
    assert env.env_type is SageMakerEnvType(kind)
    assert (env.dataset_name, env.training_job_name, env.model_version) == names
    assert (env.project, env.model_cls, env.record_invokes, env.s3) == (None, None, False, None)
    env = SageMakerEnv("/opt/ml", variables | ML2P_ENV | {"ML2P_S3_URL": "s3://bucket/houses"})
    assert env.env_type is SageMakerEnvType(kind)
    assert (env.project, env.model_cls, env.record_invokes) == ("houses", "house_prices.HousePrices", True)
    assert env.s3 is not None
    assert env.s3.url("x") == "s3://bucket/houses/x"


def test_environment_types_match_ml2p() -> None:
    assert [kind.name for kind in SageMakerEnvType] == ["DATASET", "TRAIN", "SERVE", "LOCAL", "UNKNOWN"]
    for kind in SageMakerEnvType:
        assert kind.value == kind.name.lower()
        assert getattr(SageMakerEnv, kind.name) is kind


def test_variables_come_from_the_process_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ML2P_PROJECT", "of the process")
    assert SageMakerEnv("/opt/ml").project == "of the process"
    assert SageMakerEnv("/opt/ml", {}).project is None


@pytest.mark.parametrize("value", ["True", "TRUE", "1", "yes", "", " true"])
def test_only_true_in_lower_case_enables_recording(value: str) -> None:
    assert SageMakerEnv("/opt/ml", {"ML2P_RECORD_INVOKES": value}).record_invokes is False


@pytest.mark.parametrize("url", ["bucket/houses", "http://bucket/houses", "s3://", "s3:///houses"])
def test_an_address_outside_s3_is_rejected(url: str) -> None:
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


def write_config(folder: Path, name: str, content: str) -> SageMakerEnv:
    (folder / "input/config").mkdir(parents=True, exist_ok=True)
    (folder / "input/config" / name).write_text(content)
    return SageMakerEnv(folder, {})


def test_resourceconfig_is_read(tmp_path: Path) -> None:
    assert SageMakerEnv(tmp_path, {}).resourceconfig() == {}
    env = write_config(tmp_path, "resourceconfig.json", '{"current_host": "algo-1"}')
    assert env.resourceconfig() == {"current_host": "algo-1"}
    for content in ("{", "[]"):
        with pytest.raises(ConfigError, match=r"config\.json (is not valid JSON|does not contain a JSON object)"):
            write_config(tmp_path, "resourceconfig.json", content).resourceconfig()


def test_hyperparameters_are_decoded(tmp_path: Path) -> None:
    assert SageMakerEnv(tmp_path, {}).hyperparameters() == {}
    values = {"fit": {"alpha": 0.1, "on": True}, "name": "ridge"}
    sagemaker_settings = {"sagemaker_program": "job.py", "_tuning_objective_metric": "validation:r2"}
    env = write_config(tmp_path, "hyperparameters.json", json.dumps(encode(values) | sagemaker_settings))
    assert env.hyperparameters() == values


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", r"hyperparameters\.json is not valid JSON"),
        ("[]", r"hyperparameters\.json does not contain a JSON object"),
        ('{"name": "ridge"}', "the hyperparameters are invalid: Value 'ridge' for key 'name' is not valid JSON"),
        ('{"a": "1", "a.b": "2"}', "the hyperparameters are invalid: Key 'a.b' conflicts"),
        ('{"a": 1}', "the hyperparameters are invalid: Value 1 for key 'a' is not valid JSON"),
    ],
)
def test_invalid_hyperparameters_are_rejected(tmp_path: Path, content: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        write_config(tmp_path, "hyperparameters.json", content).hyperparameters()


def test_a_failure_is_written_unchanged(tmp_path: Path) -> None:
    env = SageMakerEnv(tmp_path, {})
    env.write_failure("first\nsecond \u00e9")
    env.write_failure("only\nlines")
    assert (tmp_path / "output/failure").read_text("utf-8") == "only\nlines"


@pytest.mark.parametrize("folder", ["a/b", "a/b/", "", "/"])
def test_s3_addresses_are_split_and_joined(folder: str) -> None:
    s3, prefix = S3URL(f"s3://bucket/{folder}"), f"{folder.rstrip('/')}/".lstrip("/")
    assert s3.bucket() == S3URL("s3://bucket").bucket() == "bucket"
    assert s3.path("x.csv") == s3.path("/x.csv") == f"{prefix}x.csv"
    assert s3.url() == f"s3://bucket/{prefix}"
    assert s3.url("x.csv") == f"s3://bucket/{prefix}x.csv"
    assert s3.url("folder/") == f"s3://bucket/{prefix}folder/"
