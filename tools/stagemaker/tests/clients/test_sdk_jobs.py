"""Processors, tuners and the model registry, as versions 2 and 3 of the SDK ask for them."""

from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest
from stagemaker_support.archives import make_wheel
from stagemaker_support.sdk import BUCKET, INSTANCE

FOLDER = "/opt/ml/processing"
SUM = """
import argparse, pathlib
parser = argparse.ArgumentParser()
parser.add_argument("--factor", type=int)
factor = parser.parse_args().factor
text = pathlib.Path("/opt/ml/processing/input/data/numbers.csv").read_text()
pathlib.Path("/opt/ml/processing/output/sum.txt").write_text(str(factor * sum(map(int, text.split(",")))))
"""
# The result depends only on the hyperparameters, so that jobs are quick. The model is the value of its objective.
TUNED = """
import argparse, os, pathlib
from helper import compute_score

def model_fn(folder):
    return float(pathlib.Path(folder, "score").read_text())

def predict_fn(values, model):
    return [value + model for value in values]

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for name, kind in {"rate": float, "momentum": float, "depth": int, "kernel": str, "offset": float}.items():
        parser.add_argument(f"--{name}", type=kind)
    best = float(pathlib.Path(os.environ["SM_CHANNEL_TRAINING"], "best.txt").read_text())
    score = compute_score(parser.parse_args(), best)
    print(f"score={score};")
    pathlib.Path(os.environ["SM_MODEL_DIR"], "score").write_text(str(score))
"""
HELPER = """
def compute_score(values, best):
    return values.offset - abs(values.depth - best) - values.rate - values.momentum - (values.kernel == "flat")
"""
SCORE = ("score", "score=(.*?);")
SERVE = """
def model_fn(model_dir): return "registered"
def transform_fn(model, data, content_type, accept): return model, "text/csv"
"""
FORMATS = {"content_types": ["text/csv"], "response_types": ["text/csv"]}
INSTANCES = {"inference_instances": [INSTANCE], "transform_instances": [INSTANCE]}


@pytest.mark.usefixtures("sandbox")
@pytest.mark.parametrize("with_requirements", [False, True], ids=["script", "folder"])
def test_a_processor_runs_a_script(with_requirements: bool, sdk: ModuleType, tmp_path: Path, s3: Any) -> None:
    """A folder has requirements, which name a package that no index has; the job has no network."""
    source, data, name = tmp_path / "source", tmp_path / "data", f"sums-{with_requirements}"
    source.mkdir()
    data.mkdir()
    (data / "numbers.csv").write_text("1,2,3")
    if with_requirements:
        (source / "sum.py").write_text("import drilling" + SUM.replace("factor *", "drilling.depth *"))
        (source / "requirements.txt").write_text("scikit-learn\n./drilling-1.0-py3-none-any.whl\n")
        for file, content in make_wheel().items():
            (source / file).write_bytes(content)
        processor = sdk.Jobs().processor(sdk.FrameworkProcessor)
        code = {"code": "sum.py", "source_dir": str(source)}
    else:
        (source / "sum.py").write_text(SUM)
        processor, code = sdk.Jobs().processor(), {"code": str(source / "sum.py")}
    files = {
        "inputs": sdk.make_inputs([(str(data), f"{FOLDER}/input/data")]),
        "outputs": sdk.make_outputs([("sums", f"{FOLDER}/output", f"s3://{BUCKET}/{name}")]),
    }
    processor.run(arguments=["--factor", "7"], wait=False, **files, **code)
    sdk.wait_for_processing(processor)
    body = s3.get_object(Bucket=BUCKET, Key=f"{name}/sum.txt")["Body"].read()
    assert body == (b"462" if with_requirements else b"42")


class Tuners:
    """Tuners of a script. The SDK appends the time to the names of their jobs."""

    def __init__(self, sdk: ModuleType, folder: Path):
        (folder / "fit.py").write_text(TUNED)
        (folder / "helper.py").write_text(HELPER)
        boto3.client("s3").put_object(Bucket=BUCKET, Key="tuning/best.txt", Body="4")
        self.sdk, self._script = sdk, folder / "fit.py"
        self.channels = {"training": f"s3://{BUCKET}/tuning/"}
        self._ranges = {
            "rate": sdk.ContinuousParameter(0.0001, 1.0, scaling_type="Logarithmic"),
            "momentum": sdk.ContinuousParameter(0.0, 0.99, scaling_type="ReverseLogarithmic"),
            "depth": sdk.IntegerParameter(1, 8),
            "kernel": sdk.CategoricalParameter(["flat", "round"]),
        }

    def start(self, name: str, metric: tuple[str, str] = SCORE, **members: Any) -> Any:
        members |= {"base_tuning_job_name": name}
        tuner = self.sdk.Jobs().tuner(self._script, {"offset": 10.0}, metric, self._ranges, **members)
        self.sdk.start_tuning(tuner, self.channels, wait=False)
        return tuner


@pytest.fixture(scope="module")
def tuners(sdk: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Tuners:
    return Tuners(sdk, tmp_path_factory.mktemp("source"))


def describe_tuning(name: str) -> dict[str, Any]:
    return boto3.client("sagemaker").describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)


@pytest.fixture(scope="module")
def tuner(sdk: ModuleType, tuners: Tuners) -> Any:
    """Return a tuner whose tuning job has ended."""
    tuner = tuners.start("best", max_jobs=4, max_parallel_jobs=2, random_seed=3)
    sdk.wait_for_tuning(tuner)
    return tuner


def test_the_best_job_of_a_tuner_is_found(tuner: Any, sdk: ModuleType, s3: Any) -> None:
    client, job = boto3.client("sagemaker"), describe_tuning(sdk.wait_for_tuning(tuner))
    assert (job["HyperParameterTuningJobStatus"], job["TrainingJobStatusCounters"]["Completed"]) == ("Completed", 4)
    ranges = job["HyperParameterTuningJobConfig"]["ParameterRanges"]["ContinuousParameterRanges"]
    scales = {item["Name"]: item["ScalingType"] for item in ranges}
    assert scales == {"rate": "Logarithmic", "momentum": "ReverseLogarithmic"}
    assert tuner.best_training_job() == job["BestTrainingJob"]["TrainingJobName"]
    best = client.describe_training_job(TrainingJobName=tuner.best_training_job())
    assert best["TuningJobArn"] == job["HyperParameterTuningJobArn"]
    settings = {name: value.strip('"') for name, value in best["HyperParameters"].items()}
    score = 10 - abs(int(settings["depth"]) - 4) - float(settings["rate"]) - float(settings["momentum"])
    score -= settings["kernel"] == "flat"
    metric = job["BestTrainingJob"]["FinalHyperParameterTuningJobObjectiveMetric"]
    assert metric["Value"] == pytest.approx(score)
    bucket, _, key = best["ModelArtifacts"]["S3ModelArtifacts"].removeprefix("s3://").partition("/")
    assert s3.head_object(Bucket=bucket, Key=key)["ContentLength"] > 0


def test_a_tuner_is_stopped(sdk: ModuleType, tuners: Tuners) -> None:
    tuner = tuners.start("stopped", max_jobs=50, max_parallel_jobs=1)
    tuner.stop_tuning_job()
    assert describe_tuning(sdk.wait_for_tuning(tuner))["HyperParameterTuningJobStatus"] == "Stopped"


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "inference.py"
    path.write_text(SERVE)
    return path


def test_versions_of_a_model_are_registered_and_approved(sdk: ModuleType, script: Path) -> None:
    """The version that was approved last is the newest approved one until it is rejected."""
    client, group = boto3.client("sagemaker"), "versions"

    def describe(arn: str) -> dict[str, Any]:
        return client.describe_model_package(ModelPackageName=arn)

    def approved() -> list[int]:
        packages = client.list_model_packages(ModelPackageGroupName=group, ModelApprovalStatus="Approved")
        return [package["ModelPackageVersion"] for package in packages["ModelPackageSummaryList"]]

    arns = [
        sdk.register(
            script,
            model_package_group_name=group,
            customer_metadata_properties={"name": name},
            task="REGRESSION",
            **FORMATS,
            **members,
        )
        for name, members in {"one": {}, "two": {}, "three": {"approval_status": "Rejected"}}.items()
    ]
    assert [arn.rpartition(":")[2] for arn in arns] == [f"model-package/{group}/{number}" for number in (1, 2, 3)]
    assert client.describe_model_package_group(ModelPackageGroupName=group)["ModelPackageGroupStatus"] == "Completed"
    statuses = [describe(arn)["ModelApprovalStatus"] for arn in arns]
    assert statuses == ["PendingManualApproval", "PendingManualApproval", "Rejected"]
    assert describe(arns[1])["CustomerMetadataProperties"] == {"name": "two"}
    for arn in arns[:2]:
        sdk.approve(arn, "Approved", "fine")
        assert (describe(arn)["ModelApprovalStatus"], describe(arn)["ApprovalDescription"]) == ("Approved", "fine")
    assert approved() == [2, 1]
    sdk.approve(arns[2], "Approved")
    assert approved() == [3, 2, 1]
    sdk.approve(arns[2], "Rejected")
    assert approved() == [2, 1]


def test_a_package_can_be_registered_without_a_group(sdk: ModuleType, script: Path) -> None:
    """The SDK sends an approval status even for such a package."""
    arn = sdk.register(script, model_package_name="alone", **FORMATS, **INSTANCES)
    assert arn.endswith("model-package/alone")
    description = boto3.client("sagemaker").describe_model_package(ModelPackageName="alone")
    assert description["ModelPackageStatus"] == "Completed"
    assert "ModelApprovalStatus" not in description
