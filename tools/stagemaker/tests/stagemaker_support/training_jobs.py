"""Training jobs for tests: requests, channels and sources, and a script that reports what its job receives."""

import itertools
import json
from typing import Any

from stagemaker.server import BUCKET
from stagemaker_support.job_traces import output
from stagemaker_support.simulator_client import IMAGE, training_members

ALGORITHM = {"TrainingImage": IMAGE, "TrainingInputMode": "File"}
SUCCESS = ["Starting", "Downloading", "Training", "Uploading", "Completed"]
REQUIREMENTS = "scikit-learn\n./drilling-1.0-py3-none-any.whl\n"
counter = itertools.count()

REPORT = """
import json, os, pathlib, sys
data = pathlib.Path(os.environ.get("SM_INPUT_DIR", "/opt/ml/input")) / "data"
paths = [path for path in sorted(data.rglob("*")) if path.is_file()]
files = {str(path.relative_to(data)): path.read_text(errors="replace") for path in paths}
print("REPORT " + json.dumps({"arguments": sys.argv[1:], "variables": dict(os.environ), "files": files}))
"""


def submit(client, **members: Any) -> str:
    request = {"TrainingJobName": f"job-{next(counter)}"} | training_members() | members
    client.sagemaker.create_training_job(**request)
    return request["TrainingJobName"]


def train(client, **members: Any) -> dict[str, Any]:
    return client.wait("TrainingJob", submit(client, **members))


def channel(name: str, uri: str, **members: Any) -> dict[str, Any]:
    source = {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}, **members}


def upload_folder(client, **files: str | bytes) -> str:
    """Upload files under a new prefix, and return the prefix's URI without a trailing slash."""
    prefix = f"folders/{next(counter)}"
    for name, body in files.items():
        client.put(f"{prefix}/{name}", body)
    return f"s3://{BUCKET}/{prefix}"


def report_of(client, job: dict[str, Any]) -> dict[str, Any]:
    log = output(client, "TrainingJob", job["TrainingJobName"])
    assert job["TrainingJobStatus"] == "Completed", (job, log)
    return json.loads(next(line for line in log.splitlines() if line.startswith("REPORT "))[7:])
