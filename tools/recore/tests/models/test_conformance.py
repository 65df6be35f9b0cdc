"""ML2P's core as its library reference describes it: names, parameters, defaults and results.

The other tests in this folder go further for each class; these cover what a reader of that reference may rely on. If
the reference and ML2P's own tests differ, the tests win, and tools/recore/docs/models.md lists the difference.
"""

import datetime
import inspect
import io
import json
import re
import tarfile
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from recore_support.models import MakeEnv, ml_folder, records, url_of, write_house_prices
from stagemaker_support.simulator_client import Client

from recore.model import (
    S3URL,
    LocalEnv,
    Model,
    ModelDatasetGenerator,
    ModelPredictor,
    ModelTrainer,
    SageMakerEnv,
    SageMakerEnvType,
    core,
)
from recore.model.classes import load_model
from recore.model.errors import LocalEnvError

DATASET = {"ML2P_DATASET": "houses-20260131"}
TRAINING = {"ML2P_TRAINING_JOB": "houses-1-0"}
SERVING = {"ML2P_MODEL_VERSION": "houses-1-0-0", "ML2P_RECORD_INVOKES": "true"}
COMMON_VARIABLES = {"ML2P_PROJECT": "houses", "ML2P_MODEL_CLS": "m.Houses", "ML2P_S3_URL": "s3://bucket/houses/"}
RECORD_NAME = re.compile(r"ts-(?P<ts>.+)--uuid-(?P<uuid>[0-9a-f-]{36})\.json")


class Doubler(ModelPredictor):
    """A predictor that doubles numbers and records its calls."""

    def __init__(self, env: SageMakerEnv):
        super().__init__(env)
        self.calls: list[str] = []

    def setup(self) -> None:
        self.calls.append("setup")

    def teardown(self) -> None:
        self.calls.append("teardown")

    def result(self, data: Any) -> Any:
        self.calls.append("result")
        return {"doubled": 2 * data["x"]}


@pytest.fixture
def doubler(make_env: MakeEnv) -> Doubler:
    return Doubler(make_env())


def parameters(function: Callable[..., Any]) -> list[tuple[str, Any]]:
    """Return the names and defaults of a function's parameters, without self."""
    signature = inspect.signature(function)
    return [(item.name, item.default) for item in signature.parameters.values() if item.name != "self"]


REQUIRED = inspect.Parameter.empty


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (ModelTrainer, [("env", REQUIRED)]),
        (ModelTrainer.train, []),
        (ModelPredictor, [("env", REQUIRED)]),
        (ModelPredictor.setup, []),
        (ModelPredictor.teardown, []),
        (ModelPredictor.result, [("data", REQUIRED)]),
        (ModelPredictor.batch_result, [("data", REQUIRED)]),
        (ModelPredictor.invoke, [("data", REQUIRED)]),
        (ModelPredictor.batch_invoke, [("data", REQUIRED)]),
        (ModelPredictor.metadata, []),
        (ModelPredictor.record_invoke, [("datum", REQUIRED), ("prediction", REQUIRED)]),
        (ModelPredictor.record_invoke_id, [("datum", REQUIRED), ("prediction", REQUIRED)]),
        (ModelDatasetGenerator, [("env", REQUIRED)]),
        (ModelDatasetGenerator.generate, []),
        (ModelDatasetGenerator.upload_to_s3, [("file_path", REQUIRED)]),
        (SageMakerEnv, [("ml_folder", REQUIRED), ("environ", None)]),
        (LocalEnv, [("ml_folder", REQUIRED), ("cfg", REQUIRED), ("session", None)]),
        (LocalEnv.clean_model_folder, []),
        (LocalEnv.download_dataset, [("dataset", REQUIRED)]),
        (LocalEnv.download_model, [("training_job", REQUIRED)]),
        (S3URL, [("s3folder", REQUIRED)]),
        (S3URL.bucket, []),
        (S3URL.path, [("suffix", REQUIRED)]),
        (S3URL.url, [("suffix", "")]),
    ],
    ids=lambda value: getattr(value, "__qualname__", ""),
)
def test_parameters_and_defaults_match_the_reference(
    function: Callable[..., Any], expected: list[tuple[str, Any]]
) -> None:
    assert parameters(function) == expected


def test_the_core_module_has_all_classes() -> None:
    names = "Model ModelTrainer ModelPredictor ModelDatasetGenerator SageMakerEnv SageMakerEnvType LocalEnv S3URL"
    for name in names.split():
        assert inspect.isclass(getattr(core, name))


class TestModel:
    def test_a_model_has_three_parts_that_subclasses_set(self, make_env: MakeEnv) -> None:
        class Houses(Model):
            DATASET_GENERATOR, TRAINER, PREDICTOR = ModelDatasetGenerator, ModelTrainer, Doubler

        assert (Model.DATASET_GENERATOR, Model.TRAINER, Model.PREDICTOR) == (None, None, None)
        env = make_env()
        parts = Houses().dataset_generator(env), Houses().trainer(env), Houses().predictor(env)
        assert [type(part) for part in parts] == [ModelDatasetGenerator, ModelTrainer, Doubler]
        assert [part.env for part in parts] == [env, env, env]


class TestModelTrainer:
    def test_train_must_be_implemented_by_subclasses(self, make_env: MakeEnv) -> None:
        with pytest.raises(NotImplementedError, match=r"\.train\(\)"):
            ModelTrainer(make_env()).train()

    def test_a_trainer_uses_its_environments_folders(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.syspath_prepend(write_house_prices(tmp_path / "code"))
        folder = ml_folder(tmp_path / "ml")
        (folder / "model/house.json").unlink()
        load_model("house_prices.HousePrices").trainer(SageMakerEnv(folder, TRAINING)).train()
        assert {path.name for path in (folder / "model").iterdir()} == {"house.json", "validation.json"}


class TestModelPredictor:
    def test_invoke_returns_metadata_and_result(self, doubler: Doubler) -> None:
        response = doubler.invoke({"x": 3})
        assert set(response) == {"metadata", "result"}
        assert response["result"] == {"doubled": 6}

    def test_batch_invoke_returns_the_full_result_of_each_instance(self, doubler: Doubler) -> None:
        """The predictions are in a dictionary, as in ML2P's own tests."""
        response = doubler.batch_invoke([{"x": 1}, {"x": 2}])
        assert set(response) == {"predictions"}
        assert [set(prediction) for prediction in response["predictions"]] == [{"metadata", "result"}] * 2
        assert [prediction["result"] for prediction in response["predictions"]] == [{"doubled": 2}, {"doubled": 4}]

    def test_batch_result_is_a_list_of_predictions(self, doubler: Doubler) -> None:
        assert doubler.batch_result([{"x": 1}, {"x": 2}]) == [{"doubled": 2}, {"doubled": 4}]

    def test_batch_result_can_be_overridden(self, make_env: MakeEnv) -> None:
        class FastDoubler(Doubler):
            def batch_result(self, data: Any) -> Any:
                return [{"fast": datum["x"]} for datum in data]

        response = FastDoubler(make_env()).batch_invoke([{"x": 1}])
        assert response["predictions"][0]["result"] == {"fast": 1}

    def test_metadata_has_the_model_version_and_the_time(self, doubler: Doubler) -> None:
        before = datetime.datetime.now(datetime.UTC).timestamp()
        metadata = doubler.metadata()
        after = datetime.datetime.now(datetime.UTC).timestamp()
        assert metadata["model_version"] == "houses-1"
        assert isinstance(metadata["timestamp"], float)
        assert before <= metadata["timestamp"] <= after

    def test_predictions_contain_the_metadata(self, make_env: MakeEnv) -> None:
        class NamedDoubler(Doubler):
            def metadata(self) -> dict[str, Any]:
                return {"name": "ours"}

        assert NamedDoubler(make_env()).invoke({"x": 1})["metadata"] == {"name": "ours"}
        assert NamedDoubler(make_env()).batch_invoke([{"x": 1}])["predictions"][0]["metadata"] == {"name": "ours"}

    def test_result_must_be_implemented_by_subclasses(self, make_env: MakeEnv) -> None:
        with pytest.raises(NotImplementedError, match=r"\.result\(\.\.\.\)"):
            ModelPredictor(make_env()).result({})

    def test_setup_and_teardown_are_optional(self, make_env: MakeEnv) -> None:
        predictor = ModelPredictor(make_env())
        predictor.setup()
        predictor.teardown()

    def test_setup_comes_first_and_teardown_last(self, doubler: Doubler) -> None:
        """The predictor's caller must call these methods; a server calls each once (test_serving_front.py)."""
        doubler.setup()
        doubler.invoke({"x": 1})
        doubler.teardown()
        assert doubler.calls == ["setup", "result", "teardown"]

    def test_record_ids_have_a_time_and_a_uuid(self, doubler: Doubler) -> None:
        pairs = doubler.record_invoke_id({"x": 1}, {})
        assert list(pairs) == ["ts", "uuid"]
        assert datetime.datetime.fromisoformat(pairs["ts"]).utcoffset() == datetime.timedelta(0)
        assert uuid.UUID(pairs["uuid"]).version == 4

    def test_a_record_is_stored_in_the_projects_bucket(
        self, client: Client, connected_client: Client, make_env: MakeEnv
    ) -> None:
        predictor = Doubler(make_env(ML2P_S3_URL=url_of("conform"), ML2P_MODEL_VERSION="conform-1.0"))
        predictor.record_invoke({"x": 1}, {"result": {"doubled": 2}})
        ((name, record),) = records(client, "conform").items()
        match = RECORD_NAME.fullmatch(name)
        assert match, name
        assert uuid.UUID(match["uuid"])
        assert record == {"input": {"x": 1}, "result": {"result": {"doubled": 2}}}

    def test_a_subclass_can_name_its_records(self, client: Client, connected_client: Client, make_env: MakeEnv) -> None:
        """A dash joins each key to its value, and two dashes join the pairs, in the order of the dictionary."""

        class CustomerDoubler(Doubler):
            def record_invoke_id(self, datum: Any, prediction: Any) -> dict[str, Any]:
                return {"customer": datum["x"], "b": "c", "a": "d"}

        predictor = CustomerDoubler(make_env(ML2P_S3_URL=url_of("named"), ML2P_MODEL_VERSION="named-1.0"))
        predictor.record_invoke({"x": 1}, {})
        assert list(records(client, "named")) == ["customer-1--b-c--a-d.json"]

    def test_invocations_are_recorded_if_recording_is_enabled(
        self, client: Client, connected_client: Client, make_env: MakeEnv
    ) -> None:
        variables = {"ML2P_S3_URL": url_of("on"), "ML2P_MODEL_VERSION": "on-1.0"}
        Doubler(make_env(**variables)).invoke({"x": 1})
        assert records(client, "on") == {}
        predictor = Doubler(make_env(**variables, ML2P_RECORD_INVOKES="true"))
        response = predictor.invoke({"x": 1})
        predictor.batch_invoke([{"x": 2}, {"x": 3}])
        sorted_records = sorted(records(client, "on").values(), key=lambda record: record["input"]["x"])
        assert [record["input"]["x"] for record in sorted_records] == [1, 2, 3]
        assert sorted_records[0]["result"] == response


class TestModelDatasetGenerator:
    def test_generate_must_be_implemented_by_subclasses(self, make_env: MakeEnv) -> None:
        with pytest.raises(NotImplementedError, match=r"\.generate\(\)"):
            ModelDatasetGenerator(make_env()).generate()

    def test_a_file_is_uploaded_to_its_datasets_folder(
        self, client: Client, connected_client: Client, make_env: MakeEnv, tmp_path: Path
    ) -> None:
        (tmp_path / "deep").mkdir()
        (tmp_path / "deep/table.csv").write_text("a\n")
        env = make_env(ML2P_S3_URL=url_of("generated"), **DATASET)
        ModelDatasetGenerator(env).upload_to_s3(str(tmp_path / "deep/table.csv"))
        assert client.get(f"{url_of('generated')}/datasets/houses-20260131/table.csv") == b"a\n"


class TestSageMakerEnv:
    @pytest.mark.parametrize(
        ("variables", "kind"), [(DATASET, "dataset"), (TRAINING, "train"), (SERVING, "serve")], ids=str
    )
    def test_every_environment_has_the_common_attributes(self, variables: dict[str, str], kind: str) -> None:
        env = SageMakerEnv("/opt/ml", COMMON_VARIABLES | variables)
        assert env.env_type is SageMakerEnvType(kind)
        assert (env.project, env.model_cls) == ("houses", "m.Houses")
        assert isinstance(env.s3, S3URL)
        assert env.s3.url() == "s3://bucket/houses/"

    def test_the_model_class_is_none_without_its_variable(self) -> None:
        assert SageMakerEnv("/opt/ml", TRAINING).model_cls is None

    def test_attributes_while_training(self) -> None:
        env = SageMakerEnv("/opt/ml", COMMON_VARIABLES | TRAINING)
        assert (env.training_job_name, env.model_version) == ("houses-1-0", None)
        assert not env.record_invokes

    def test_attributes_while_serving(self) -> None:
        env = SageMakerEnv("/opt/ml", COMMON_VARIABLES | SERVING)
        assert (env.training_job_name, env.model_version, env.record_invokes) == (None, "houses-1-0-0", True)

    def test_attributes_while_a_dataset_is_generated(self) -> None:
        env = SageMakerEnv("/opt/ml", COMMON_VARIABLES | DATASET)
        assert (env.dataset_name, env.training_job_name, env.model_version) == ("houses-20260131", None, None)

    def test_variables_come_from_the_process_by_default(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in (COMMON_VARIABLES | SERVING).items():
            monkeypatch.setenv(name, value)
        assert SageMakerEnv("/opt/ml").model_version == "houses-1-0-0"

    def test_environment_types_match_ml2p(self) -> None:
        """The reference does not list UNKNOWN, but ML2P's code has it too."""
        kinds = {kind.name: kind.value for kind in SageMakerEnvType}
        expected = {"DATASET": "dataset", "TRAIN": "train", "SERVE": "serve", "LOCAL": "local", "UNKNOWN": "unknown"}
        assert kinds == expected


@pytest.fixture
def cfg(tmp_path: Path) -> str:
    """Return the path of a project file."""
    (tmp_path / "ml2p.yml").write_text(f"project: local\ns3folder: {url_of('local')}\n")
    return str(tmp_path / "ml2p.yml")


class TestLocalEnv:
    def test_attributes_come_from_the_project_file(self, tmp_path: Path, cfg: str) -> None:
        env = LocalEnv(str(tmp_path), cfg)
        assert isinstance(env, SageMakerEnv)
        assert (env.env_type, env.project, env.model_version) == (SageMakerEnvType.LOCAL, "local", "local")
        assert env.s3.url() == f"{url_of('local')}/"

    def test_a_folder_that_does_not_exist_is_an_error(self, tmp_path: Path, cfg: str) -> None:
        with pytest.raises(LocalEnvError, match="does not exist"):
            LocalEnv(str(tmp_path / "missing"), cfg)

    def test_folders_are_created_as_needed(self, tmp_path: Path, cfg: str) -> None:
        (tmp_path / "ml").mkdir()
        assert LocalEnv(str(tmp_path / "ml"), cfg).model_folder().is_dir()

    def test_downloads_require_a_session(self, tmp_path: Path, cfg: str) -> None:
        env = LocalEnv(str(tmp_path), cfg)
        for download in (env.download_dataset, env.download_model):
            with pytest.raises(LocalEnvError, match="requires a boto session"):
                download("houses-1-0")

    def test_cleaning_empties_the_model_folder(self, tmp_path: Path, cfg: str) -> None:
        env = LocalEnv(str(tmp_path), cfg)
        (env.model_folder() / "deep").mkdir()
        (env.model_folder() / "deep/old").write_text("")
        env.clean_model_folder()
        assert list(env.model_folder().iterdir()) == []

    def test_a_dataset_is_downloaded(self, client: Client, connected_client: Client, tmp_path: Path, cfg: str) -> None:
        client.put("local/datasets/houses-20260131/deep/table.csv", "a\n")
        env = LocalEnv(str(tmp_path), cfg, boto3.session.Session())
        env.download_dataset("houses-20260131")
        assert (env.dataset_folder() / "deep/table.csv").read_text() == "a\n"

    def test_a_model_is_downloaded_and_unpacked(
        self, client: Client, connected_client: Client, tmp_path: Path, cfg: str
    ) -> None:
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w:gz") as tar:
            content = json.dumps({"slope": 2}).encode()
            member = tarfile.TarInfo("house.json")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        client.put("local/models/local-houses-1-0/output/model.tar.gz", archive.getvalue())
        env = LocalEnv(str(tmp_path), cfg, boto3.session.Session())
        env.download_model("houses-1-0")
        assert json.loads((env.model_folder() / "house.json").read_text()) == {"slope": 2}


class TestS3URL:
    def test_bucket_path_and_url(self) -> None:
        url = S3URL("s3://bucket/folder/")
        assert url.bucket() == "bucket"
        assert url.path("a/b.csv") == "folder/a/b.csv"
        assert url.url("a/b.csv") == "s3://bucket/folder/a/b.csv"
        assert url.url() == "s3://bucket/folder/"
