"""HyperparameterTuner of version 2: its tuning jobs are deployed, attached, analysed and warm-started."""

from typing import Any

import pytest
from sagemaker import Session
from sagemaker.analytics import HyperparameterTuningJobAnalytics
from sagemaker.deserializers import JSONDeserializer
from sagemaker.exceptions import UnexpectedStatusException
from sagemaker.serializers import JSONSerializer
from sagemaker.sklearn import SKLearn
from sagemaker.tuner import ContinuousParameter, HyperparameterTuner, IntegerParameter
from stagemaker_support.sdk import INSTANCE, ROLE

# the model is the value of its objective
SCRIPT = """
import argparse, os, pathlib

def model_fn(folder):
    return float(pathlib.Path(folder, "score").read_text())

def predict_fn(values, model):
    return values + model

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for name in ("rate", "depth", "offset"):
        parser.add_argument(f"--{name}", type=float)
    values = parser.parse_args()
    score = values.offset - abs(values.rate - 0.01) - abs(values.depth - 4)
    print(f"score={score};")
    pathlib.Path(os.environ["SM_MODEL_DIR"], "score").write_text(str(score))
"""
RANGES = {
    "rate": ContinuousParameter(0.0001, 1.0, scaling_type="Logarithmic"),
    "depth": IntegerParameter(1, 8),
}
METRICS = [{"Name": "score", "Regex": "score=(.*?);"}]


@pytest.fixture(scope="module")
def session() -> Session:
    return Session()


@pytest.fixture(scope="module")
def estimator(session: Session, tmp_path_factory: pytest.TempPathFactory) -> SKLearn:
    script = tmp_path_factory.mktemp("source") / "train.py"
    script.write_text(SCRIPT)
    members = {"instance_type": INSTANCE, "framework_version": "1.2-1", "hyperparameters": {"offset": 10.0}}
    return SKLearn(str(script), role=ROLE, sagemaker_session=session, **members)


@pytest.fixture(scope="module")
def tuner(estimator: SKLearn) -> HyperparameterTuner:
    limits = {"max_jobs": 2, "max_parallel_jobs": 2}
    tuner = HyperparameterTuner(estimator, "score", RANGES, METRICS, base_tuning_job_name="v2", random_seed=3, **limits)
    tuner.fit(wait=False)
    tuner.wait()
    return tuner


def test_the_best_job_is_deployed(tuner: HyperparameterTuner, session: Session) -> None:
    table = tuner.analytics().dataframe().sort_values("FinalObjectiveValue")
    best = table.iloc[-1]
    assert tuner.best_training_job() == best["TrainingJobName"]
    assert {"rate", "depth"} <= set(table.columns)
    assert set(table["TrainingJobStatus"]) == {"Completed"}
    estimator = tuner.best_estimator()
    assert estimator.hyperparameters()["depth"] == str(int(best["depth"]))
    assert estimator.hyperparameters()["offset"] == "10.0"
    formats = {"serializer": JSONSerializer(), "deserializer": JSONDeserializer()}
    predictor = tuner.deploy(1, INSTANCE, wait=False, **formats)
    session.wait_for_endpoint(predictor.endpoint_name, poll=1)
    assert predictor.predict([1.0]) == [pytest.approx(1 + best["FinalObjectiveValue"])]
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


def test_a_tuner_is_warm_started(tuner: HyperparameterTuner) -> None:
    child = tuner.identical_dataset_and_algorithm_tuner()
    child.max_jobs, child.max_parallel_jobs = 1, 1
    child.metric_definitions = METRICS  # the SDK does not copy them
    child.fit(wait=False, job_name="v2-child")
    child.wait()
    names = {tuner.best_training_job(), child.best_training_job()}
    assert child.describe()["OverallBestTrainingJob"]["TrainingJobName"] in names


def test_the_failure_reason_names_a_metric_that_never_appears(estimator: SKLearn) -> None:
    metrics: list[dict[str, Any]] = [{"Name": "other", "Regex": "other=(.*?);"}]
    tuner = HyperparameterTuner(estimator, "other", RANGES, metrics, max_jobs=1, base_tuning_job_name="v2-never")
    with pytest.raises(UnexpectedStatusException, match="No objective metric 'other' was found"):
        tuner.fit()
