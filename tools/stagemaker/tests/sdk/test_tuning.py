"""The SDK's tuner and its tuning job resource: creation, listing, stopping, and a model of the best training job."""

from pathlib import Path
from typing import Any

import pytest
from sagemaker.core.parameter import CategoricalParameter, ContinuousParameter, IntegerParameter
from sagemaker.core.resources import HyperParameterTuningJob, Model, TrainingJob
from sagemaker.core.shapes import ContainerDefinition
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import InputData, SourceCode
from sagemaker.train.tuner import HyperparameterTuner

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3"
ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
SCRIPT = """
import argparse, os, pathlib
from helper import score

parser = argparse.ArgumentParser()
parser.add_argument("--rate", type=float)
parser.add_argument("--momentum", type=float)
parser.add_argument("--depth", type=int)
parser.add_argument("--kernel", choices=["flat", "round"])
parser.add_argument("--offset", type=float)
arguments = parser.parse_args()
best = float(pathlib.Path(os.environ["SM_CHANNEL_TRAINING"], "best.txt").read_text())
print(f"score={score(arguments, best)};")
pathlib.Path(os.environ["SM_MODEL_DIR"], "depth").write_text(str(arguments.depth))
"""
HELPER = """
def score(values, best):
    return values.offset - abs(values.depth - best) - values.rate - values.momentum - (values.kernel == "flat")
"""
RANGES = {
    "rate": ContinuousParameter(0.0001, 1.0, scaling_type="Logarithmic"),
    "momentum": ContinuousParameter(0.0, 0.99, scaling_type="ReverseLogarithmic"),
    "depth": IntegerParameter(1, 8),
    "kernel": CategoricalParameter(["flat", "round"]),
}
METRICS = [{"Name": "score", "Regex": "score=(.*?);"}]


@pytest.fixture(scope="module")
def data(variables: dict[str, str]) -> str:
    import boto3

    bucket = boto3.resource("s3").Bucket("sdk-tuning")
    bucket.create()
    bucket.put_object(Key="data/best.txt", Body="4")
    return "s3://sdk-tuning/data/"


def make_tuner(folder: Path, name: str, **members: Any) -> HyperparameterTuner:
    """Return a tuner. name: the prefix of the tuning job's name. The SDK appends the time."""
    (folder / "fit.py").write_text(SCRIPT)
    (folder / "helper.py").write_text(HELPER)
    trainer = ModelTrainer(
        training_image=IMAGE,
        role=ROLE,
        source_code=SourceCode(source_dir=str(folder), entry_script="fit.py"),
        hyperparameters={"offset": 10.0},
    )
    return HyperparameterTuner(trainer, "score", RANGES, METRICS, base_tuning_job_name=name, **members)


def test_the_best_job_is_found_and_its_model_is_created(tmp_path: Path, data: str, s3: Any) -> None:
    tuner = make_tuner(tmp_path, "v3-best", max_jobs=4, max_parallel_jobs=2, random_seed=3)
    tuner.tune([InputData(channel_name="training", data_source=data)], wait=False)
    job = tuner.latest_tuning_job
    job.wait(poll=1)
    job.refresh()
    assert job.hyper_parameter_tuning_job_status == "Completed"
    jobs = list(job.get_all_training_jobs(sort_by="FinalObjectiveMetricValue", sort_order="Descending"))
    assert len(jobs) == job.training_job_status_counters.completed == 4
    best = TrainingJob.get(tuner.best_training_job())
    assert best.tuning_job_arn == job.hyper_parameter_tuning_job_arn
    assert best.training_job_name == job.best_training_job.training_job_name
    settings = best.hyper_parameters
    score = 10 - abs(int(settings["depth"]) - 4) - float(settings["rate"]) - float(settings["momentum"])
    score -= settings["kernel"] == "flat"
    metric = job.best_training_job.final_hyper_parameter_tuning_job_objective_metric
    assert metric.value == pytest.approx(score)
    uri = best.model_artifacts.s3_model_artifacts
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    assert s3.head_object(Bucket=bucket, Key=key)["ContentLength"] > 0
    container = ContainerDefinition(image=IMAGE, model_data_url=uri)
    model = Model.create(model_name="v3-best", execution_role_arn=ROLE, primary_container=container)
    assert model.primary_container.model_data_url == uri
    assert job.hyper_parameter_tuning_job_name in [
        item.hyper_parameter_tuning_job_name for item in HyperParameterTuningJob.get_all()
    ]


def test_a_tuning_job_is_stopped(tmp_path: Path, data: str) -> None:
    tuner = make_tuner(tmp_path, "v3-stopped", max_jobs=50, max_parallel_jobs=1)
    tuner.tune([InputData(channel_name="training", data_source=data)], wait=False)
    tuner.stop_tuning_job()
    tuner.latest_tuning_job.wait(poll=1)
    assert tuner.latest_tuning_job.refresh().hyper_parameter_tuning_job_status == "Stopped"
