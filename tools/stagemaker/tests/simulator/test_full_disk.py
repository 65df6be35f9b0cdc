"""Jobs that fail because this machine's disk is full say so; once there is space again, jobs run again.

The simulator runs in a separate process whose temporary folder is on a small disk that bubblewrap provides.
"""

import json
from pathlib import Path
from typing import Any

from stagemaker_support import SEARCH_PATH
from stagemaker_support.sandbox import SANDBOX
from stagemaker_support.small_disk import FULL_DISK, run_on_a_small_disk

pytestmark = SANDBOX  # bubblewrap provides the small disk

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


def test_the_simulator_reports_a_full_disk(tmp_path: Path) -> None:
    result = run_on_a_small_disk(tmp_path, "-c", SIMULATOR_SCRIPT.format(tests=SEARCH_PATH))
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
