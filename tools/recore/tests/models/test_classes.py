import functools
import inspect
import re
from pathlib import Path

import pytest
from models.house_prices import MakeEnv
from stagemaker_support.simulator_client import Client

from recore.model import Model, ModelDatasetGenerator, ModelPredictor, ModelTrainer, core
from recore.model.classes import ModelClassError, load_model
from recore.model.core import ModellingSubCfg, import_string
from recore.model.errors import ConfigError, UploadError
from stagemaker.server import BUCKET

PARTS = {
    "trainer": ("TRAINER", ModelTrainer),
    "predictor": ("PREDICTOR", ModelPredictor),
    "dataset_generator": ("DATASET_GENERATOR", ModelDatasetGenerator),
}


REFERENCE = """
    ModelTrainer(env) ModelTrainer.train() ModelDatasetGenerator(env) ModelDatasetGenerator.generate()
    ModelDatasetGenerator.upload_to_s3(file_path) ModelPredictor(env) ModelPredictor.setup() ModelPredictor.teardown()
    ModelPredictor.result(data) ModelPredictor.batch_result(data) ModelPredictor.invoke(data)
    ModelPredictor.batch_invoke(data) ModelPredictor.metadata() ModelPredictor.record_invoke(datum, prediction)
    ModelPredictor.record_invoke_id(datum, prediction) SageMakerEnv(ml_folder, environ=None)
    LocalEnv(ml_folder, cfg, session=None) LocalEnv.clean_model_folder() LocalEnv.download_dataset(dataset)
    LocalEnv.download_model(training_job) S3URL(s3folder) S3URL.bucket() S3URL.path(suffix) S3URL.url(suffix='')
"""


def test_parameters_and_defaults_are_those_of_ml2ps_reference() -> None:
    for name, parameters in re.findall(r"([\w.]+)\((.*?)\)", REFERENCE):
        function = functools.reduce(getattr, name.split("."), core)
        signature = [item.replace(annotation=item.empty) for item in inspect.signature(function).parameters.values()]
        assert ", ".join(str(item) for item in signature if item.name != "self") == parameters, name
    assert inspect.isclass(core.SageMakerEnvType)


@pytest.mark.parametrize("name", PARTS)
def test_a_part_is_created_with_its_environment(make_env: MakeEnv, name: str) -> None:
    attribute, part_class = PARTS[name]
    assert getattr(Model, attribute) is None
    subclass = type("Part", (part_class,), {})
    env = make_env()
    part = getattr(type("Whole", (Model,), {attribute: subclass})(), name)(env)
    assert type(part) is subclass
    assert part.env is env
    for value in (None, "text", int, Model):
        model = type("Whole", (Model,), {attribute: value})()
        with pytest.raises(ValueError, match=rf"^\.{attribute} should be an instance of {part_class.__name__}$"):
            getattr(model, name)(env)


def test_subclasses_must_implement_train_and_generate(make_env: MakeEnv) -> None:
    with pytest.raises(NotImplementedError, match=r"^Sub-classes should implement \.train\(\)$"):
        ModelTrainer(make_env()).train()
    with pytest.raises(NotImplementedError, match=r"^Sub-classes should implement \.generate\(\)$"):
        ModelDatasetGenerator(make_env()).generate()


def test_files_are_uploaded_to_the_dataset(connected_client: Client, make_env: MakeEnv, tmp_path: Path) -> None:
    generator = ModelDatasetGenerator(make_env(ML2P_DATASET="2026"))
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/houses.csv").write_text("area,price\n")
    generator.upload_to_s3(str(tmp_path / "deep/houses.csv"))
    generator.s3_client.put_object(Bucket=BUCKET, Key="houses/datasets/2026/own.csv", Body=b"area\n")
    for name, content in (("houses", b"area,price\n"), ("own", b"area\n")):
        assert connected_client.get(f"s3://{BUCKET}/houses/datasets/2026/{name}.csv") == content
    assert generator.s3_client is generator.s3_client
    with pytest.raises(FileNotFoundError, match=r"nowhere\.csv"):
        generator.upload_to_s3("nowhere.csv")


@pytest.mark.parametrize(
    ("variables", "error", "reason"),
    [
        ({"ML2P_S3_URL": "s3://no-such-bucket-at-all"}, UploadError, "the bucket no-such-bucket-at-all does not exist"),
        ({"ML2P_S3_URL": None}, ConfigError, "set the environment variable ML2P_S3_URL"),
        ({"ML2P_DATASET": None}, ConfigError, "set the environment variable ML2P_DATASET"),
        ({"ML2P_DATASET": ""}, ConfigError, "set the environment variable ML2P_DATASET"),
    ],
)
def test_failed_uploads_report_the_reason(
    connected_client: Client, make_env: MakeEnv, variables: dict[str, str | None], error: type[Exception], reason: str
) -> None:
    generator = ModelDatasetGenerator(make_env(**{"ML2P_DATASET": "2026"} | variables))
    with pytest.raises(error, match=reason):
        generator.upload_to_s3(__file__)


def test_a_class_is_found_by_its_name() -> None:
    assert import_string("recore.model.core.Model") is Model
    assert isinstance(load_model("recore.model.core.Model"), Model)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Model", "is not a dotted name such as package.module.Class"),
        ("", "is not a dotted name"),
        ("a..b", "is not a dotted name"),
        ("recore.model.", "is not a dotted name"),
        ("no_such_module.Model", "the module 'no_such_module' does not exist"),
        ("recore.model.nothing.Model", "the module 'recore.model.nothing' does not exist"),
        ("recore.model.core.Nothing", "the module 'recore.model.core' has no 'Nothing'"),
        ("recore.model.core.ModelTrainer", "is not a model class: it must be a subclass of Model"),
        ("recore.model.core.import_string", "is not a model class"),
    ],
)
def test_names_that_are_not_model_classes_are_rejected(name: str, reason: str) -> None:
    with pytest.raises(ModelClassError, match=reason):
        load_model(name)


def test_an_import_error_inside_a_module_is_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "module_that_needs_another.py").write_text("import one_that_is_missing\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="No module named 'one_that_is_missing'"):
        load_model("module_that_needs_another.Model")


def test_a_project_file_section_falls_back_to_defaults() -> None:
    section = ModellingSubCfg({"train": {"a": 1}, "defaults": {"a": 2, "b": 3}}, "train")
    assert (section.a, section["b"], section.get("c"), section.get("c", 4)) == (1, 3, None, 4)
    section["c"] = 5
    assert (section.c, section.keys()) == (5, ["a", "b", "c"])
    assert ModellingSubCfg({"models": {"x": "y"}, "defaults": {"a": 2}}, "models", defaults=None).keys() == ["x"]
    with pytest.raises(KeyError):
        section["missing"]
    with pytest.raises(AttributeError, match="no setting 'missing'"):
        _ = section.missing
    with pytest.raises(ConfigError, match="the section 'train' of the project file is not a mapping"):
        ModellingSubCfg({"train": "text"}, "train")
