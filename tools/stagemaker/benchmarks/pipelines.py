"""Compare pipeline executions with the same jobs without a pipeline, and with executions whose steps are cached.

    python tools/stagemaker/benchmarks/pipelines.py --steps 1 10 100 --repeats 3

Each step is a processing job whose script does nothing; steps are independent. Without a pipeline, the jobs are created
one after the other and polled as often as an execution polls its jobs. The measurements alternate; all numbers are
medians.
"""

import argparse
import itertools
import json
import statistics
import time
from typing import Any

from stagemaker.orchestration.pipelines.execution_work import POLL_INTERVAL
from stagemaker.server import BUCKET, ROLE_ARN, Simulator

IMAGE = "sagemaker-scikit-learn:1.9-0-cpu-py3"
CODE = "/opt/ml/processing/input/code"
counter = itertools.count()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, nargs="+", default=[1, 10, 100])
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    print("| steps | jobs alone, s | execution, s | overhead, s | ratio | cached execution, s |")
    print("|---|---|---|---|---|---|")
    with Simulator() as simulator:
        sagemaker = simulator.client("sagemaker")
        simulator.client("s3").put_object(Bucket=BUCKET, Key="code/job.py", Body=b"")
        execute(sagemaker, create(sagemaker, 1, cached=False))  # the first job of a simulator takes longer
        for count in arguments.steps:
            measure(sagemaker, count, arguments.repeats)


def measure(sagemaker: Any, count: int, repeats: int) -> None:
    """Print the table's row for `count` steps."""
    plain_arn, cached = (create(sagemaker, count, cached=cached) for cached in (False, True))
    execute(sagemaker, cached)
    job_times, execution_times, hit_times = [], [], []
    for _ in range(repeats):
        job_times.append(run_jobs(sagemaker, count))
        execution_times.append(execute(sagemaker, plain_arn))
        hit_times.append(execute(sagemaker, cached))
    jobs, execution, hit = map(statistics.median, (job_times, execution_times, hit_times))
    row = (count, f"{jobs:.2f}", f"{execution:.2f}", f"{execution - jobs:.2f}", f"{execution / jobs:.2f}", f"{hit:.2f}")
    print(f"| {' | '.join(map(str, row))} |", flush=True)


def request() -> dict[str, Any]:
    """Return the request for a processing job, without its name."""
    source = {"S3Uri": f"s3://{BUCKET}/code/job.py", "LocalPath": CODE, "S3DataType": "S3Prefix", "S3InputMode": "File"}
    return {
        "RoleArn": ROLE_ARN,
        "AppSpecification": {"ImageUri": IMAGE, "ContainerEntrypoint": ["python3", f"{CODE}/job.py"]},
        "ProcessingInputs": [{"InputName": "code", "S3Input": source}],
        "ProcessingResources": {
            "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
        },
    }


def create(sagemaker: Any, count: int, cached: bool) -> str:
    """Create a pipeline of independent steps and return its name."""
    name = f"pipeline-{next(counter)}"
    steps = [
        {"Name": f"Step{n}", "Type": "Processing", "Arguments": request(), "CacheConfig": {"Enabled": cached}}
        for n in range(count)
    ]
    definition = json.dumps({"Version": "2020-12-01", "Steps": steps})
    sagemaker.create_pipeline(PipelineName=name, PipelineDefinition=definition, RoleArn=ROLE_ARN)
    return name


def execute(sagemaker: Any, pipeline: str) -> float:
    """Run an execution to completion and return its duration in seconds. Raises RuntimeError if it failed."""
    start = time.perf_counter()
    execution = sagemaker.start_pipeline_execution(PipelineName=pipeline)["PipelineExecutionArn"]
    while True:
        response = sagemaker.describe_pipeline_execution(PipelineExecutionArn=execution)
        if response["PipelineExecutionStatus"] == "Succeeded":
            return time.perf_counter() - start
        if response["PipelineExecutionStatus"] != "Executing":
            raise RuntimeError(response["FailureReason"])
        time.sleep(POLL_INTERVAL)


def run_jobs(sagemaker: Any, count: int) -> float:
    """Run processing jobs to completion and return the seconds that they took. Raises RuntimeError if one failed."""
    start = time.perf_counter()
    names = [f"job-{next(counter)}" for _ in range(count)]
    for name in names:
        sagemaker.create_processing_job(ProcessingJobName=name, **request())
    for name in names:
        while (job := sagemaker.describe_processing_job(ProcessingJobName=name))["ProcessingJobStatus"] == "InProgress":
            time.sleep(POLL_INTERVAL)
        if job["ProcessingJobStatus"] != "Completed":
            raise RuntimeError(job["FailureReason"])
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
