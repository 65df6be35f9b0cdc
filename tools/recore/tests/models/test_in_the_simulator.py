import json
from pathlib import Path

import boto3
import pytest
from models import house_prices
from stagemaker_support.endpoints import Endpoints, variant
from stagemaker_support.job_traces import output, wait_until
from stagemaker_support.sandbox import ISOLATIONS, needs_sandbox
from stagemaker_support.simulator_client import Client
from stagemaker_support.transform_jobs import run_batch

from recore.model import LocalEnv
from recore.model.classes import load_model
from recore.model.code_archive import code_files, write_code_archive
from stagemaker.server import Simulator


@pytest.mark.slow
@pytest.mark.parametrize("isolation", ISOLATIONS)
def test_a_model_class_works_from_dataset_to_records(
    isolation: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Simulator(isolation=isolation, jobs_can_call=True) as simulator:
        client = Client(simulator)
        for name, value in house_prices.s3_variables(client).items():
            monkeypatch.setenv(name, value)
        run_from_dataset_to_records(client, f"whole-{isolation}", tmp_path, monkeypatch)


def run_from_dataset_to_records(client: Client, project: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = house_prices.write_house_prices(tmp_path / "code")
    job = house_prices.generate_dataset(client, folder, project, "house_prices.HousePrices")
    assert job["ProcessingJobStatus"] == "Completed", job.get("FailureReason")
    assert client.get(f"{house_prices.url_of(project)}/datasets/first/houses.csv").decode() == house_prices.HOUSES_CSV

    source = house_prices.upload_code_archive(client, folder, project)
    job = house_prices.train(client, source, project, f"{house_prices.url_of(project)}/datasets/first/")
    assert f"Starting training job {project}-1." in output(client, "TrainingJob", f"{project}-1")

    endpoints = Endpoints(client)
    data = job["ModelArtifacts"]["S3ModelArtifacts"]
    model = house_prices.create_model(client, source, data, house_prices.recording_variables(project), f"{project}-1-0")
    endpoint = endpoints.create(endpoints.config(variant(model)))
    prediction = house_prices.invoke(endpoints, endpoint, {"area": 10})
    assert prediction["metadata"]["model_version"] == f"{project}-1.0"
    assert prediction["result"] == {"price": pytest.approx(10 * house_prices.SLOPE)}
    batch = [{"area": 20}, {"area": 30}]
    predictions = house_prices.invoke(endpoints, endpoint, {"instances": batch})["predictions"]
    with pytest.raises(client.simulator.client("sagemaker-runtime").exceptions.ClientError, match="no area"):
        endpoints.invoke(endpoint, "{}")
    wait_until(lambda: len(house_prices.records(client, project)) == 3)
    expected = [{"input": {"area": 10}, "result": prediction}]
    expected += [{"input": datum, "result": result} for datum, result in zip(batch, predictions, strict=True)]
    assert (
        sorted(house_prices.records(client, project).values(), key=lambda record: record["input"]["area"]) == expected
    )
    endpoints.delete(endpoint)

    (tmp_path / "local").mkdir()
    (tmp_path / "ml2p.yml").write_text(f"project: {project}\ns3folder: {house_prices.url_of(project)}\n")
    env = LocalEnv(tmp_path / "local", tmp_path / "ml2p.yml", boto3)
    env.download_model("1")
    assert json.loads((env.model_folder() / "validation.json").read_text())["largest_error"] == pytest.approx(1.2857143)
    monkeypatch.syspath_prepend(folder)
    predictor = load_model("house_prices.HousePrices").predictor(env)
    predictor.setup()
    local_prediction = predictor.invoke({"area": 10})
    assert local_prediction["result"] == prediction["result"]
    assert local_prediction["metadata"]["model_version"] == "local"


@needs_sandbox
def test_a_model_class_works_in_a_sandbox_without_a_network(tmp_path: Path) -> None:
    with Simulator(isolation="required") as simulator:
        client, project = Client(simulator), "kept"
        source = house_prices.upload_code_archive(client, house_prices.write_house_prices(tmp_path / "code"), project)
        job = house_prices.train(
            client, source, project, client.put(f"{project}/data/houses.csv", house_prices.HOUSES_CSV)
        )
        data = job["ModelArtifacts"]["S3ModelArtifacts"]
        model = house_prices.create_model(client, source, data, {"ML2P_MODEL_VERSION": "kept-1.0"}, "kept-1-0")
        objects: dict[str, str | bytes] = {
            "one.json": '{"area": 10}',
            "batch.json": '{"instances": [{"area": 20}, {"area": 30}]}',
        }
        result, batch = (json.loads(output) for output in run_batch(client, model, objects))
    assert result["metadata"]["model_version"] == "kept-1.0"
    assert result["result"] == {"price": pytest.approx(10 * house_prices.SLOPE)}
    assert [prediction["result"]["price"] for prediction in batch["predictions"]] == pytest.approx(
        [20 * house_prices.SLOPE, 30 * house_prices.SLOPE]
    )


def test_a_code_archive_contains_the_users_files_and_this_package(tmp_path: Path) -> None:
    folder = house_prices.write_house_prices(tmp_path / "code")
    for name in ("deep/__pycache__", ".git"):
        (folder / name).mkdir(parents=True)
        (folder / name / "file.py").write_text("")
    (folder / "deep/table.csv").write_text("a\n")
    (folder / "link.py").symlink_to(folder / "job.py")
    (folder / ".hidden").write_text("")
    names = set(code_files(folder))
    package = {f"recore/model/{path.name}" for path in Path(load_model.__code__.co_filename).parent.glob("*.py")}
    assert names == package | {"recore/__init__.py", "house_prices.py", "job.py", "deep/table.csv"}
    for archive in ("a.tar.gz", "b.tar.gz"):
        write_code_archive(tmp_path / archive, folder)
    assert (tmp_path / "a.tar.gz").read_bytes() == (tmp_path / "b.tar.gz").read_bytes()
    with pytest.raises(NotADirectoryError, match="is not a folder"):
        code_files(tmp_path / "missing")


def test_packages_are_included_in_a_code_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("units.py", "other.py", "deep/__init__.py", "deep/table.toml", "deep/inner/a.py", "deep/.hidden"):
        path = tmp_path / "packages/company" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    (tmp_path / "packages/company/__init__.py").write_text("")
    (tmp_path / "packages/company/deep/__pycache__").mkdir()
    (tmp_path / "packages/company/deep/__pycache__/a.pyc").write_text("")
    (tmp_path / "code").mkdir()
    monkeypatch.syspath_prepend(tmp_path / "packages")
    without_packages = set(code_files(tmp_path / "code"))
    with_packages = code_files(tmp_path / "code", ["company.units", "company.deep"])
    company = {"__init__.py", "units.py", "deep/__init__.py", "deep/table.toml", "deep/inner/a.py"}
    assert set(with_packages) - without_packages == {f"company/{name}" for name in company}
    assert with_packages["company/units.py"] == tmp_path / "packages/company/units.py"
    assert without_packages <= set(with_packages)
    whole_package = set(code_files(tmp_path / "code", ["company"])) - without_packages
    assert whole_package == {f"company/{name}" for name in company | {"other.py"}}


@pytest.mark.parametrize(
    ("package", "reason"),
    [
        ("no_such_package", "cannot be imported"),
        ("recore.nothing", "cannot be imported"),
        ("json.decoder.inner", "cannot be imported"),
        ("recore..model", "cannot be imported"),
        (".model", "cannot be imported"),
        ("", "cannot be imported"),
        ("sys", "is built into Python"),
    ],
)
def test_packages_that_cannot_be_included_are_rejected(tmp_path: Path, package: str, reason: str) -> None:
    with pytest.raises(ModuleNotFoundError, match=f"^{package!r} [^\n]*{reason}[^\n]*$"):
        write_code_archive(tmp_path / "code.tar.gz", tmp_path, [package])
    assert not (tmp_path / "code.tar.gz").exists()
