"""Measure the simulator's overhead: compare jobs with the same commands run directly, and outputs with copied files.

    python tools/stagemaker/benchmarks/simulator_overhead.py --repeats 5

The two measurements of each comparison alternate; all numbers are medians.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from stagemaker import BUCKET, ROLE_ARN, Simulator

IMAGE = "sagemaker-scikit-learn:1.9-0-cpu-py3"
SCRIPT = "import sklearn\nprint(sklearn.__version__)\n"
WRITE_SCRIPT = """
import pathlib, sys

folder, count, size = pathlib.Path(sys.argv[1]), *map(int, sys.argv[2:])
folder.mkdir(exist_ok=True)
for number in range(count):
    (folder / str(number)).write_bytes(bytes(size))
"""
FILES = {"1,000 files of 1 kB": (1000, 1000), "a file of 300 MB": (1, 300_000_000)}


def time_command(folder: Path) -> float:
    """Run the script directly; return its duration in seconds."""
    start = time.perf_counter()
    (folder / "job.py").write_text(SCRIPT)
    subprocess.run([sys.executable, folder / "job.py"], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def time_copy(count: int, size: int, folder: Path) -> float:
    """Write the files directly and copy them; return the duration in seconds."""
    start = time.perf_counter()
    (folder / "job.py").write_text(WRITE_SCRIPT)
    subprocess.run([sys.executable, folder / "job.py", folder / "files", str(count), str(size)], check=True)
    subprocess.run(["cp", "-r", folder / "files", folder / "copied"], check=True)
    return time.perf_counter() - start


def time_outputs(count: int, size: int, simulator: Simulator, name: str) -> float:
    """Run a processing job whose output consists of the files; return its duration in seconds."""
    inside = "/opt/ml/processing/output"
    upload = {"S3Uri": f"s3://{BUCKET}/{name}/out", "LocalPath": inside, "S3UploadMode": "EndOfJob"}
    outputs = {"ProcessingOutputConfig": {"Outputs": [{"OutputName": "files", "S3Output": upload}]}}
    return time_processing(simulator, name, WRITE_SCRIPT, [inside, str(count), str(size)], **outputs)


def time_processing(
    simulator: Simulator, name: str, script: str = SCRIPT, arguments: Sequence[str] = (), **members: Any
) -> float:
    """Run a script as a processing job; return its duration in seconds."""
    sagemaker, s3 = simulator.client("sagemaker"), simulator.client("s3")
    s3.put_object(Bucket=BUCKET, Key=f"{name}/job.py", Body=script)
    source = {"S3Uri": f"s3://{BUCKET}/{name}/job.py", "LocalPath": "/opt/ml/processing/input/code"}
    sagemaker.create_processing_job(
        ProcessingJobName=name,
        RoleArn=ROLE_ARN,
        AppSpecification={
            "ImageUri": IMAGE,
            "ContainerEntrypoint": ["python3", "/opt/ml/processing/input/code/job.py", *arguments],
        },
        ProcessingInputs=[{"InputName": "code", "S3Input": source | {"S3DataType": "S3Prefix", "S3InputMode": "File"}}],
        ProcessingResources={"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}},
        **members,
    )
    start = time.perf_counter()
    while (job := sagemaker.describe_processing_job(ProcessingJobName=name))["ProcessingJobStatus"] == "InProgress":
        time.sleep(0.02)
    if job["ProcessingJobStatus"] != "Completed":
        raise RuntimeError(job["FailureReason"])
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    outputs = [
        (f"outputs, {words} / written and copied directly", partial(time_outputs, *files), partial(time_copy, *files))
        for words, files in FILES.items()
    ]
    results = {}
    for isolation in ("auto", "off"):
        with Simulator(isolation=isolation) as simulator:
            sandbox = "bubblewrap" if simulator.isolation_enforced else "off"
            if any(sandbox == result for _, result in results):  # bubblewrap does not work here
                continue
            for comparison, job, baseline in (
                ("processing job / the command run directly", time_processing, time_command),
                *outputs,
            ):
                pairs = []
                for index in range(arguments.repeats):
                    with tempfile.TemporaryDirectory() as folder:
                        pairs.append((job(simulator, f"job-{len(results)}-{index}"), baseline(Path(folder))))
                    progress = f"{index + 1} of {arguments.repeats}"
                    print(f"{comparison}, isolation {sandbox}: {progress}", file=sys.stderr, flush=True)
                results[comparison, sandbox] = [statistics.median(side) for side in zip(*pairs, strict=True)]
    print("| simulator / baseline | isolation | simulator, s | baseline, s | difference, s | ratio |")
    print("|---|---|---|---|---|---|")
    for (comparison, sandbox), (job, base) in results.items():
        print(f"| {comparison} | {sandbox} | {job:.2f} | {base:.2f} | {job - base:.2f} | {job / base:.2f} |")


if __name__ == "__main__":
    main()
