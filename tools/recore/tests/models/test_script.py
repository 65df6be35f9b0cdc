import json
from pathlib import Path
from typing import Any

import pytest
from models.house_prices import SLOPE, records, served_script, server_recording_variables
from stagemaker_support.job_traces import wait_until
from stagemaker_support.simulator_client import Client

from recore.model import Model, ModelPredictor
from recore.model.errors import ClientError
from recore.model.script import HookFunctions, ScriptEnv, make_hooks
from stagemaker.container import serving


class DoublingPredictor(ModelPredictor):
    def setup(self) -> None:
        self.factor = int((self.env.model_folder() / "factor").read_text())

    def result(self, data: Any) -> Any:
        if "x" not in data:
            raise ClientError("no x", "a datum has an x")
        return {"product": self.factor * data["x"]}


class DoublingModel(Model):
    PREDICTOR = DoublingPredictor


@pytest.fixture
def hooks_and_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[HookFunctions, Any]:
    monkeypatch.setenv("ML2P_MODEL_VERSION", "double-1")
    (tmp_path / "factor").write_text("2")
    hooks = make_hooks(DoublingModel)
    return hooks, hooks.model_fn(str(tmp_path))


def respond(hooks_and_model: tuple[HookFunctions, Any], body: bytes | str) -> Any:
    hooks, model = hooks_and_model
    return hooks.output_fn(hooks.predict_fn(hooks.input_fn(body, "application/json"), model), "application/json")


def test_one_datum_and_a_batch_are_predicted(hooks_and_model: tuple[HookFunctions, Any]) -> None:
    body, content_type = respond(hooks_and_model, '{"x": 4}')
    result = json.loads(body)
    assert content_type == "application/json"
    assert result["result"] == {"product": 8}
    assert result["metadata"]["model_version"] == "double-1"
    body, _ = respond(hooks_and_model, b'{"instances": [{"x": 1}, {"x": 2}]}')
    assert [prediction["result"] for prediction in json.loads(body)["predictions"]] == [{"product": 2}, {"product": 4}]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("{}", {"message": "no x", "details": ["a datum has an x"]}),
        (
            "no JSON",
            {"message": "the request body is not valid JSON", "details": ["Expecting value: line 1 column 1 (char 0)"]},
        ),
    ],
)
def test_errors_keep_their_status(hooks_and_model: tuple[HookFunctions, Any], body: str, error: Any) -> None:
    status, headers, content = serving.make_response(respond(hooks_and_model, body))
    assert status.startswith("400 ")
    assert ("Content-Type", "application/json") in headers
    assert json.loads(content) == error


def test_other_errors_are_left_to_the_container(hooks_and_model: tuple[HookFunctions, Any]) -> None:
    with pytest.raises(TypeError):
        respond(hooks_and_model, "3")


def test_a_class_without_a_predictor_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^\.PREDICTOR should be an instance of ModelPredictor$"):
        make_hooks(Model).model_fn(str(tmp_path))


def test_a_script_environment_uses_sagemakers_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ML2P_TRAINING_JOB", "SM_MODEL_DIR", "SAGEMAKER_BASE_DIR"):
        monkeypatch.delenv(name, raising=False)
    assert ScriptEnv().model_folder() == Path("/opt/ml/model")
    monkeypatch.setenv("TRAINING_JOB_NAME", "job-7")
    assert (ScriptEnv().training_job_name, ScriptEnv().env_type) == ("job-7", ScriptEnv.TRAIN)
    monkeypatch.setenv("ML2P_TRAINING_JOB", "")
    assert ScriptEnv().training_job_name == "job-7"
    monkeypatch.setenv("ML2P_TRAINING_JOB", "houses-7")
    assert ScriptEnv().training_job_name == "houses-7"
    assert ScriptEnv(str(tmp_path)).model_folder() == tmp_path
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(tmp_path))
    assert ScriptEnv().dataset_folder() == tmp_path / "input/data/training"


@pytest.mark.slow
def test_every_worker_of_the_plain_container_writes_records(client: Client, tmp_path: Path) -> None:
    """A worker may exit before all its records are written."""
    with served_script(
        tmp_path, **server_recording_variables(client, "plain"), SAGEMAKER_MODEL_SERVER_WORKERS="2"
    ) as server:
        for index in range(30):
            server.invoke({"instances": [{"area": index}, {"area": -index}]})
        assert server.invoke({"area": 1})["result"]["price"] == pytest.approx(SLOPE)
        assert server.request("/invocations", b"{}")[0] == 400
        wait_until(lambda: server.log.read_text().splitlines().count("set up") == 2)
        assert server.stop() == 0
        lines = server.log.read_text().splitlines()
    wait_until(lambda: len(records(client, "plain")) == 61)
    areas = [record["input"]["area"] for record in records(client, "plain").values()]
    assert sorted(areas) == sorted([1, *range(30), *(-n for n in range(30))])
    assert lines.count("set up") == lines.count("torn down") == 2
