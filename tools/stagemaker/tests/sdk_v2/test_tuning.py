"""HyperparameterTuner: tuning jobs are run, deployed, attached, analysed, warm-started and stopped."""

from collections.abc import Iterator
from typing import Any

import pytest
from sagemaker import Session
from sagemaker.analytics import HyperparameterTuningJobAnalytics
from sagemaker.deserializers import JSONDeserializer
from sagemaker.exceptions import UnexpectedStatusException
from sagemaker.serializers import JSONSerializer
from sagemaker.sklearn import SKLearn
from sagemaker.tuner import CategoricalParameter, ContinuousParameter, HyperparameterTuner, IntegerParameter

ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"

# The result depends only on the hyperparameters, so that jobs are quick. The model is the value of its objective.
SCRIPT = """
import argparse, os, pathlib

def model_fn(folder):
    return float(pathlib.Path(folder, "score").read_text())

def predict_fn(values, model):
    return [value + model for value in values]

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rate", type=float)
    parser.add_argument("--momentum", type=float)
    parser.add_argument("--depth", type=int)
    parser.add_argument("--kernel", choices=["flat", "round"])
    parser.add_argument("--offset", type=float)
    values = parser.parse_args()
    score = values.offset - abs(values.rate - 0.01) - values.momentum - abs(values.depth - 4)
    score -= values.kernel == "flat"
    print(f"score={score};")
    pathlib.Path(os.environ["SM_MODEL_DIR"], "score").write_text(str(score))
"""
RANGES = {
    "rate": ContinuousParameter(0.0001, 1.0, scaling_type="Logarithmic"),
    "momentum": ContinuousParameter(0.0, 0.99, scaling_type="ReverseLogarithmic"),
    "depth": IntegerParameter(1, 8),
    "kernel": CategoricalParameter(["flat", "round"]),
}
METRICS = [{"Name": "score", "Regex": "score=(.*?);"}]


@pytest.fixture(scope="module")
def session() -> Session:
    return Session()


@pytest.fixture(scope="module")
def estimator(session: Session, tmp_path_factory: pytest.TempPathFactory) -> SKLearn:
    folder = tmp_path_factory.mktemp("source")
    (folder / "train.py").write_text(SCRIPT)
    return SKLearn(
        "train.py",
        source_dir=str(folder),
        role=ROLE,
        instance_type="ml.m5.large",
        framework_version="1.2-1",
        sagemaker_session=session,
        hyperparameters={"offset": 10.0},
    )


@pytest.fixture(scope="module")
def tuner(estimator: SKLearn) -> Iterator[HyperparameterTuner]:
    tuner = HyperparameterTuner(
        estimator, "score", RANGES, METRICS, max_jobs=2, max_parallel_jobs=2, base_tuning_job_name="v2", random_seed=3
    )
    tuner.fit(wait=False)
    tuner.wait()
    return tuner


def test_the_best_job_is_deployed(tuner: HyperparameterTuner, session: Session) -> None:
    table = tuner.analytics().dataframe().sort_values("FinalObjectiveValue")
    best = table.iloc[-1]
    assert tuner.best_training_job() == best["TrainingJobName"]
    assert {"rate", "momentum", "depth"} <= set(table.columns)
    assert set(table["TrainingJobStatus"]) == {"Completed"}
    estimator = tuner.best_estimator()
    assert estimator.hyperparameters()["depth"] == str(int(best["depth"]))
    assert estimator.hyperparameters()["offset"] == "10.0"
    predictor = tuner.deploy(1, "ml.m5.large", wait=False, serializer=JSONSerializer(), deserializer=JSONDeserializer())
    session.wait_for_endpoint(predictor.endpoint_name, poll=1)
    [prediction] = predictor.predict([1.0])
    assert prediction == pytest.approx(1 + best["FinalObjectiveValue"])
    predictor.delete_endpoint()


def test_a_tuner_is_attached_to_a_tuning_job(tuner: HyperparameterTuner, session: Session) -> None:
    name = tuner.latest_tuning_job.name
    attached = HyperparameterTuner.attach(name, sagemaker_session=session, estimator_cls="sagemaker.sklearn.SKLearn")
    assert attached.best_training_job() == tuner.best_training_job()
    ranges = [item.hyperparameter_ranges()["IntegerParameterRanges"] for item in (attached, tuner)]
    assert ranges[0] == ranges[1]  # the SDK itself loses scaling types other than Auto
    assert attached.max_jobs == 2
    analytics = HyperparameterTuningJobAnalytics(name, sagemaker_session=session)
    assert analytics.tuning_ranges["rate"]["ScalingType"] == "Logarithmic"
    assert len(analytics.training_job_summaries()) == 2


def test_a_tuner_is_warm_started_and_stopped(tuner: HyperparameterTuner, session: Session) -> None:
    child_tuner = tuner.identical_dataset_and_algorithm_tuner()
    child_tuner.max_jobs, child_tuner.max_parallel_jobs = 1, 1
    child_tuner.metric_definitions = METRICS  # the SDK does not copy them
    child_tuner.fit(wait=False)
    child_tuner.wait()
    description = child_tuner.describe()
    names = {tuner.best_training_job(), child_tuner.best_training_job()}
    assert description["OverallBestTrainingJob"]["TrainingJobName"] in names
    child_tuner.fit(wait=False, job_name="v2-stopped")  # the SDK's default name changes only once a minute
    child_tuner.stop_tuning_job()
    child_tuner.wait()
    assert child_tuner.describe()["HyperParameterTuningJobStatus"] == "Stopped"


def test_the_failure_reason_names_a_metric_that_never_appears(estimator: SKLearn) -> None:
    metrics: list[dict[str, Any]] = [{"Name": "other", "Regex": "other=(.*?);"}]
    tuner = HyperparameterTuner(estimator, "other", RANGES, metrics, max_jobs=1, base_tuning_job_name="v2-never")
    with pytest.raises(UnexpectedStatusException, match="No objective metric 'other' was found"):
        tuner.fit()
