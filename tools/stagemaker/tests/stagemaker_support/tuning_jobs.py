"""Tuning jobs for tests: requests with defaults for all required members, and scripts that run quickly."""

import itertools
from typing import Any

from stagemaker.server import BUCKET
from stagemaker_support.job_traces import poll
from stagemaker_support.simulator_client import training_members

counter = itertools.count()

# Computes the objective from the hyperparameter, prints it, and saves it as the model.
SCRIPT = """
import os, sys
settings = dict(zip(sys.argv[1::2], sys.argv[2::2]))
loss = (float(settings["-x"]) - 3) ** 2
print(f"loss={loss};")
open(os.environ["SM_MODEL_DIR"] + "/model.txt", "w").write(str(loss))
"""
METRICS = [{"Name": "loss", "Regex": "loss=([-0-9.e]+);"}]
OBJECTIVE = {"Type": "Minimize", "MetricName": "loss"}


def continuous(name: str, low: str, high: str, scaling: str = "Auto") -> dict[str, str]:
    return {"Name": name, "MinValue": low, "MaxValue": high, "ScalingType": scaling}


def categorical(name: str, *values: str) -> dict[str, Any]:
    return {"Name": name, "Values": list(values)}


X = {"ContinuousParameterRanges": [continuous("x", "0", "10")]}


def definition(source: str, **members: Any) -> dict[str, Any]:
    settings = {"sagemaker_program": "job.py", "sagemaker_submit_directory": source}
    common = training_members(120)
    common["AlgorithmSpecification"]["MetricDefinitions"] = METRICS
    common["OutputDataConfig"] = {"S3OutputPath": f"s3://{BUCKET}/tuned"}
    return {"StaticHyperParameters": settings | members.pop("StaticHyperParameters", {})} | common | members


def tuning_request(source: str, jobs: int = 3, parallel: int = 2, **config: Any) -> dict[str, Any]:
    """Return the request for a random search over x. config: members of HyperParameterTuningJobConfig."""
    limits = {"MaxNumberOfTrainingJobs": jobs, "MaxParallelTrainingJobs": parallel}
    defaults = {
        "Strategy": "Random",
        "HyperParameterTuningJobObjective": OBJECTIVE,
        "ResourceLimits": limits,
        "ParameterRanges": X,
        "RandomSeed": 7,
    }
    return {
        "HyperParameterTuningJobName": f"tune-{next(counter)}",
        "HyperParameterTuningJobConfig": defaults | config,
        "TrainingJobDefinition": definition(source),
    }


class Tuning:
    def __init__(self, sagemaker: Any):
        self.sagemaker = sagemaker

    def describe(self, name: str) -> dict[str, Any]:
        return self.sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)

    def create(self, request: dict[str, Any]) -> str:
        self.sagemaker.create_hyper_parameter_tuning_job(**request)
        return request["HyperParameterTuningJobName"]

    def run(self, request: dict[str, Any]) -> dict[str, Any]:
        return self.wait(self.create(request))

    def wait(self, name: str, seconds: float = 240) -> dict[str, Any]:
        final_statuses = ("Completed", "Failed", "Stopped")
        return poll(
            lambda: self.describe(name), lambda job: job["HyperParameterTuningJobStatus"] in final_statuses, seconds
        )

    def jobs(self, name: str, **settings: Any) -> list[dict[str, Any]]:
        paginator = self.sagemaker.get_paginator("list_training_jobs_for_hyper_parameter_tuning_job")
        pages = paginator.paginate(HyperParameterTuningJobName=name, **settings)
        return [job for page in pages for job in page["TrainingJobSummaries"]]

    poll = staticmethod(poll)


def objective(job: dict[str, Any]) -> float:
    return job["FinalHyperParameterTuningJobObjectiveMetric"]["Value"]
