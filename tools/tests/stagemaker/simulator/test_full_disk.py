"""Jobs that fail because this machine's disk is full say so; once there is space again, jobs run again.

The simulator runs in a separate process whose temporary folder is on a small disk that bubblewrap provides.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from recore_support.run_command import file_options
from recore_support.tiny_submission import TRAIN, tiny
from stagemaker_support.sandbox import SANDBOX
from support.checkout import ROOT, environment

pytestmark = SANDBOX  # bubblewrap provides the small disk

FULL_DISK = "This machine's disk is full: free some space on it, or set TMPDIR to a folder on another disk"
SIMULATOR_SCRIPT = """
import json, os, sys, tempfile
sys.path.insert(0, {tests!r})
from botocore.exceptions import ClientError
from stagemaker_support.archives import archive_of
from stagemaker_support.simulator_client import Client
from stagemaker.server import BUCKET, Simulator

reasons = {{}}
with Simulator() as simulator:
    client = Client(simulator)
    write = "import os\\nopen(os.environ['SM_MODEL_DIR'] + '/m', 'wb').write(bytes(100 << 20))"
    reasons["a job writes"] = client.train(write)["FailureReason"]
    source = client.put("large/source.tar.gz", archive_of(large=bytes(100 << 20)))
    settings = {{"sagemaker_submit_directory": source}}
    reasons["a source is unpacked"] = client.train("", HyperParameters=settings)["FailureReason"]
    data = [{{"ChannelName": "a", "DataSource": {{"S3DataSource": {{
        "S3DataType": "S3Prefix", "S3Uri": client.put("data/a", bytes(8 << 20)),
        "S3DataDistributionType": "FullyReplicated"}}}}}}]
    filler = open(os.path.join(tempfile.gettempdir(), "filler"), "wb", buffering=0)
    try:
        while True:
            filler.write(bytes(4096))
    except OSError:
        filler.truncate(filler.tell() - (6 << 20))
    reasons["a channel is downloaded"] = client.train("", InputDataConfig=data)["FailureReason"]
    for name, size in (("a body is received", 60 << 20), ("an object is put", 30 << 20)):
        filler.truncate(0 if size < 50 << 20 else os.path.getsize(filler.name))
        try:
            client.s3.put_object(Bucket=BUCKET, Key="k", Body=bytes(size))
        except ClientError as error:
            reasons[name] = str(error)
    for _ in range(20):  # space that earlier requests used may have become free only now
        filler.seek(0, 2)
        try:
            while True:
                filler.write(bytes(4096))
        except OSError:
            reasons["no space is left"] = client.train("").get("FailureReason")
        if reasons["no space is left"]:
            break
    filler.truncate(0)
    reasons["there is space again"] = client.train("print(1)")["TrainingJobStatus"]
print(json.dumps(reasons))
"""


def run_on_a_small_disk(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run Python with a temporary folder on a 48 MiB disk."""
    disk = folder / "disk"
    disk.mkdir()
    sandbox = ["bwrap", "--dev-bind", "/", "/", "--size", str(48 << 20), "--tmpfs", str(disk)]
    command = [*sandbox, sys.executable, *map(str, arguments)]
    variables = environment() | {"TMPDIR": str(disk)}
    return subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=300)


def test_the_simulator_reports_a_full_disk(tmp_path: Path) -> None:
    result = run_on_a_small_disk(tmp_path, "-c", SIMULATOR_SCRIPT.format(tests=str(ROOT / "tests")))
    assert result.returncode == 0, result.stderr[-3000:]
    reasons: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    assert reasons.pop("there is space again") == "Completed"
    assert reasons.pop("a job writes").startswith(
        f"InternalServerError: {FULL_DISK}. The job's own reason: AlgorithmError: "
    )
    for name in ("a body is received", "an object is put"):
        message = reasons.pop(name)
        assert message.startswith("An error occurred (InternalError) when calling the PutObject operation: ")
        assert message.endswith(FULL_DISK)
    assert set(reasons.values()) == {f"InternalServerError: {FULL_DISK}"}, reasons


def test_a_run_blames_the_disk_and_not_the_submission(tmp_path: Path, sample: Path) -> None:
    filling_code = "    open(os.environ['SM_MODEL_DIR'] + '/m', 'wb').write(bytes(1 << 27))\n"
    filling_code = f"import os\nif __name__ == '__main__':\n{filling_code}"
    submission = tiny(tmp_path / "mine", {"train.py": filling_code + TRAIN})
    options = [submission, *file_options(sample, "public"), "--out", tmp_path / "run", "--no-report"]
    result = run_on_a_small_disk(tmp_path, "-m", "recore", "run", *options)
    assert result.returncode == 1
    lines = result.stderr.splitlines()
    assert any(line.startswith(f"recore: train failed: {FULL_DISK}") for line in lines), result.stderr
    assert (
        "  look at: this machine's disk, the bucket, the region and this user's permissions, not the submission"
        in lines
    )
    assert not any("what to do" in line for line in lines)
