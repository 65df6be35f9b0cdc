import datetime
import json
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from models.house_prices import MakeEnv
from stagemaker_support.simulator_client import Client, counter

from recore.model import ModelPredictor
from recore.model.errors import APIError, ClientError, ConfigError, ServerError, UploadError
from recore.model.uploads import S3Uploader
from stagemaker.server import BUCKET


class DoublingPredictor(ModelPredictor):
    def result(self, data: Any) -> Any:
        return {"twice": 2 * data["x"]}


@dataclass
class Site:
    name: str


def read_records(client: Client, root: str) -> dict[str, Any]:
    objects = client.s3.list_objects_v2(Bucket=BUCKET, Prefix=root).get("Contents", [])
    return {item["Key"]: json.loads(client.get(f"s3://{BUCKET}/{item['Key']}")) for item in objects}


@pytest.fixture
def root() -> str:
    return f"predictor-{next(counter)}"


@pytest.fixture
def recording_env(connected_client: Client, make_env: MakeEnv, root: str) -> Any:
    return make_env(ML2P_RECORD_INVOKES="true", ML2P_S3_URL=f"s3://{BUCKET}/{root}")


def test_only_result_must_be_implemented(make_env: MakeEnv) -> None:
    predictor = ModelPredictor(make_env())
    assert predictor.setup() is predictor.teardown() is None
    for call in (predictor.result, predictor.invoke):
        with pytest.raises(NotImplementedError, match=r"^Sub-classes should implement \.result\(\.\.\.\)$"):
            call({})
    with pytest.raises(NotImplementedError):
        predictor.batch_invoke([{}])


def test_an_invocation_returns_metadata_and_a_result(make_env: MakeEnv) -> None:
    start = datetime.datetime.now(datetime.UTC).timestamp()
    prediction = DoublingPredictor(make_env()).invoke({"x": 2})
    end = datetime.datetime.now(datetime.UTC).timestamp()
    assert start <= prediction["metadata"].pop("timestamp") <= end
    assert prediction == {"metadata": {"model_version": "houses-1", "ml2p_version": "0.6.0"}, "result": {"twice": 4}}


def test_a_batch_returns_a_prediction_for_each_datum(make_env: MakeEnv) -> None:
    predictor = DoublingPredictor(make_env())
    assert predictor.batch_result([{"x": 1}, {"x": 2}]) == [{"twice": 2}, {"twice": 4}]
    response = predictor.batch_invoke([{"x": 1}, {"x": 2}])
    assert [prediction["result"] for prediction in response["predictions"]] == [{"twice": 2}, {"twice": 4}]
    assert response["predictions"][0]["metadata"] == response["predictions"][1]["metadata"]
    assert predictor.batch_invoke([]) == {"predictions": []}


def test_subclasses_can_predict_a_batch_at_once_and_give_other_metadata(make_env: MakeEnv) -> None:
    class FastPredictor(DoublingPredictor):
        def batch_result(self, data: Sequence[Any]) -> Sequence[Any]:
            return [{"fast": datum["x"]} for datum in data if datum["x"] < 3]

        def metadata(self) -> dict[str, Any]:
            return {"name": "ours"}

    predictor = FastPredictor(make_env())
    [first, second] = predictor.batch_invoke([{"x": 1}, {"x": 2}])["predictions"]
    assert (first["result"], second["result"]) == ({"fast": 1}, {"fast": 2})
    assert first["metadata"] == predictor.invoke({"x": 1})["metadata"] == {"name": "ours"}
    with pytest.raises(ServerError, match=r"batch_result\(\) must return one result per datum; for 2 it returned 1"):
        predictor.batch_invoke([{"x": 1}, {"x": 3}])


def test_nothing_is_recorded_unless_it_is_enabled(connected_client: Client, make_env: MakeEnv, root: str) -> None:
    DoublingPredictor(make_env(ML2P_S3_URL=f"s3://{BUCKET}/{root}")).invoke({"x": 1})
    assert read_records(connected_client, root) == {}


def test_invocations_are_recorded_by_time_and_uuid(recording_env: Any, connected_client: Client, root: str) -> None:
    predictor = DoublingPredictor(recording_env)
    predictions = [predictor.invoke({"x": 1}), *predictor.batch_invoke([{"x": 2}, {"x": 3}])["predictions"]]
    records = read_records(connected_client, root)
    expected = [{"input": {"x": x}, "result": predictions[x - 1]} for x in (1, 2, 3)]
    assert sorted(records.values(), key=lambda record: record["input"]["x"]) == expected
    name = r"ts-(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+\+00:00)--uuid-([0-9a-f-]{36})\.json"
    for key in records:
        match = re.fullmatch(rf"{root}/predictions/houses-1/{name}", key)
        assert match, key
        assert datetime.datetime.fromisoformat(match[1]).utcoffset() == datetime.timedelta(0)
        assert uuid.UUID(match[2]).version == 4


def test_a_subclass_can_name_its_records(recording_env: Any, connected_client: Client, root: str) -> None:
    class NamingPredictor(DoublingPredictor):
        def record_invoke_id(self, datum: Any, prediction: dict[str, Any]) -> dict[str, Any]:
            return {"house": datum["house"], "a": prediction["result"]["twice"]}

    NamingPredictor(recording_env).invoke({"x": 21, "house": "h7"})
    assert list(read_records(connected_client, root)) == [f"{root}/predictions/houses-1/house-h7--a-42.json"]
    with pytest.raises(ValueError, match="a record name must not exceed 1024 bytes: predictor-"):
        NamingPredictor(recording_env).invoke({"x": 1, "house": "x" * 1000})


def test_a_subclass_can_write_records_itself(recording_env: Any, connected_client: Client, root: str) -> None:
    class WritingPredictor(DoublingPredictor):
        def record_invoke(self, datum: Any, prediction: dict[str, Any]) -> None:
            self.s3_client.put_object(Bucket=BUCKET, Key=f"{root}/{datum['x']}", Body=b'"mine"')

    predictor = WritingPredictor(recording_env)
    predictor.invoke({"x": 1})
    predictor.record_in_background(S3Uploader(lambda: pytest.fail("the uploader must not be used")))
    predictor.invoke({"x": 2})
    assert read_records(connected_client, root) == {f"{root}/1": "mine", f"{root}/2": "mine"}
    assert predictor.s3_client is predictor.s3_client


def test_a_record_is_strict_json(recording_env: Any, connected_client: Client, root: str) -> None:
    class NonFinitePredictor(ModelPredictor):
        def result(self, data: Any) -> Any:
            return {"price": float("nan"), "all": np.array([1.0, np.inf]), "one": np.float32("nan"), "n": np.int64(3)}

    NonFinitePredictor(recording_env).invoke({"x": float("-inf"), "words": ("a", None, True)})
    [record] = read_records(connected_client, root).values()
    assert record["input"] == {"x": None, "words": ["a", None, True]}
    assert record["result"]["result"] == {"price": None, "all": [1.0, None], "one": None, "n": 3}


def test_values_are_written_as_flask_writes_them(recording_env: Any, connected_client: Client, root: str) -> None:
    values = {"cost": Decimal("1.50"), "day": datetime.date(2026, 2, 1), "id": uuid.UUID(int=7), "site": Site("north")}
    for x in (1, float("nan")):
        DoublingPredictor(recording_env).invoke({"x": x} | values)
    json_values = {
        "cost": "1.50",
        "day": "Sun, 01 Feb 2026 00:00:00 GMT",
        "id": "00000000-0000-0000-0000-000000000007",
        "site": {"name": "north"},
    }
    inputs = [record["input"] for record in read_records(connected_client, root).values()]
    assert sorted(inputs, key=str) == [{"x": 1} | json_values, {"x": None} | json_values]


CIRCULAR_VALUE: dict[str, Any] = {"x": 1}
CIRCULAR_VALUE["itself"] = CIRCULAR_VALUE


@pytest.mark.parametrize(
    ("datum", "reason"),
    [
        ({"x": 1, "y": object()}, "object"),
        ({"x": 1, ("a", "b"): 1}, "keys must be"),
        ({"x": 1, 1: {2}}, "set"),
        (CIRCULAR_VALUE, "contains itself"),
    ],
    ids=["object", "key", "set", "circular"],
)
def test_values_that_cannot_be_recorded_are_rejected(recording_env: Any, datum: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        DoublingPredictor(recording_env).invoke(datum)


@pytest.mark.parametrize(
    ("variables", "error", "reason"),
    [
        ({"ML2P_S3_URL": None}, ConfigError, "set the environment variable ML2P_S3_URL"),
        ({"ML2P_MODEL_VERSION": None}, ConfigError, "set the environment variable ML2P_MODEL_VERSION"),
        ({"ML2P_MODEL_VERSION": ""}, ConfigError, "set the environment variable ML2P_MODEL_VERSION"),
        ({"ML2P_S3_URL": "s3://no-such-bucket-at-all"}, UploadError, "the bucket no-such-bucket-at-all does not exist"),
    ],
)
def test_records_need_an_address_a_version_and_a_bucket(
    connected_client: Client, make_env: MakeEnv, variables: dict[str, str | None], error: type[Exception], reason: str
) -> None:
    predictor = DoublingPredictor(make_env(ML2P_RECORD_INVOKES="true", **variables))
    with pytest.raises(error, match=reason):
        predictor.invoke({"x": 1})


@pytest.mark.parametrize(
    ("error", "details", "status"),
    [
        (APIError("down"), [], 500),
        (ServerError("down", "why"), ["why"], 500),
        (ClientError("down", ["a", "b"]), ["a", "b"], 400),
        (ClientError("down", {"field": "area"}), [{"field": "area"}], 400),
        (ClientError("down", status_code=409), [], 409),
    ],
)
def test_errors_have_a_message_details_and_a_status(error: APIError, details: list[Any], status: int) -> None:
    assert isinstance(error, APIError)
    assert (error.message, error.details, error.status_code) == ("down", details, status)
