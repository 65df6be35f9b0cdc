"""Versions 2 and 3 of the SDK run, stop, analyse, warm-start and attach to tuning jobs, and deploy the best model."""

from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest
from stagemaker_support.sdk import BUCKET, INSTANCE, installed_client

v2_only = pytest.mark.skipif(installed_client() != "v2", reason="version 3 of the SDK has no such methods")
# Jobs are quick, because the result depends only on the hyperparameters. The model is the value of the objective.
TUNED_SCRIPT = """
import argparse, os, pathlib
from helper import compute_score

def model_fn(folder):
    return float(pathlib.Path(folder, "score").read_text())

def predict_fn(values, model):
    return values + model

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


class Tuners:
    """Methods that create tuners for a script. The SDK appends the time to each tuning job's name."""

    def __init__(self, sdk: ModuleType, folder: Path):
        (folder / "fit.py").write_text(TUNED_SCRIPT)
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
    tuner = tuners.start("best", max_jobs=2, max_parallel_jobs=2, random_seed=3)
    sdk.wait_for_tuning(tuner)
    return tuner


def test_the_best_job_of_a_tuner_is_found(tuner: Any, sdk: ModuleType, s3: Any) -> None:
    client, job = boto3.client("sagemaker"), describe_tuning(sdk.wait_for_tuning(tuner))
    assert (job["HyperParameterTuningJobStatus"], job["TrainingJobStatusCounters"]["Completed"]) == ("Completed", 2)
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


def test_the_failure_reason_mentions_a_metric_that_never_appears(sdk: ModuleType, tuners: Tuners) -> None:
    tuner = tuners.start("never", ("other", "other=(.*?);"), max_jobs=1, max_parallel_jobs=1)
    with pytest.raises(Exception, match="No objective metric 'other' was found"):
        sdk.wait_for_tuning(tuner)


@v2_only
def test_the_best_model_is_deployed(tuner: Any) -> None:
    from sagemaker.deserializers import JSONDeserializer
    from sagemaker.serializers import JSONSerializer

    table = tuner.analytics().dataframe().sort_values("FinalObjectiveValue")
    best = table.iloc[-1]
    assert tuner.best_training_job() == best["TrainingJobName"]
    assert {"rate", "momentum", "depth"} <= set(table.columns)
    assert set(table["TrainingJobStatus"]) == {"Completed"}
    settings = tuner.best_estimator().hyperparameters()
    assert (settings["depth"], settings["offset"]) == (str(int(best["depth"])), "10.0")
    predictor = tuner.deploy(1, INSTANCE, wait=False, serializer=JSONSerializer(), deserializer=JSONDeserializer())
    predictor.sagemaker_session.wait_for_endpoint(predictor.endpoint_name, poll=1)
    assert predictor.predict([1.0]) == [pytest.approx(1 + best["FinalObjectiveValue"])]
    predictor.delete_endpoint()


@v2_only
def test_a_tuner_is_attached_and_warm_started(tuner: Any, tuners: Tuners, sdk: ModuleType) -> None:
    from sagemaker.analytics import HyperparameterTuningJobAnalytics

    name = tuner.latest_tuning_job.name
    same_tuner = sdk.HyperparameterTuner.attach(name, estimator_cls="sagemaker.sklearn.SKLearn")
    assert same_tuner.best_training_job() == tuner.best_training_job()
    ranges = [item.hyperparameter_ranges()["IntegerParameterRanges"] for item in (same_tuner, tuner)]
    assert ranges[0] == ranges[1]  # the SDK itself loses scaling types other than Auto
    assert same_tuner.max_jobs == 2
    analytics = HyperparameterTuningJobAnalytics(name)
    assert analytics.tuning_ranges["rate"]["ScalingType"] == "Logarithmic"
    assert len(analytics.training_job_summaries()) == 2

    child = tuner.identical_dataset_and_algorithm_tuner()
    child.max_jobs, child.max_parallel_jobs = 1, 1
    child.metric_definitions = tuner.metric_definitions  # the SDK does not copy them
    sdk.start_tuning(child, tuners.channels, wait=False, job_name="child")
    sdk.wait_for_tuning(child)
    names = {tuner.best_training_job(), child.best_training_job()}
    assert describe_tuning("child")["OverallBestTrainingJob"]["TrainingJobName"] in names
