"""Training jobs: both script modes, what a script finds in its job, what it leaves behind, and how it fails."""

import io
import itertools
import json
import tarfile
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from recore.simulator.server import BUCKET, ROLE_ARN

pytestmark = pytest.mark.everywhere

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3"
ALGORITHM = {"TrainingImage": IMAGE, "TrainingInputMode": "File"}
SUCCESS = ["Starting", "Downloading", "Training", "Uploading", "Completed"]
ASKED = "scikit-learn\n./drilling-1.0-py3-none-any.whl\n"
numbers = itertools.count()

# prints all that it was given, as one line
TELL = """
import json, os, pathlib, sys
data = pathlib.Path(os.environ.get("SM_INPUT_DIR", "/opt/ml/input")) / "data"
files = {str(path.relative_to(data)): path.read_text(errors="replace") for path in sorted(data.rglob("*")) if path.is_file()}
print("TOLD " + json.dumps({"arguments": sys.argv[1:], "variables": dict(os.environ), "files": files}))
"""

# what the SDK's third version sends along: a shell script that runs drivers, which run the user's script
DRIVERS = {
    "sm_train.sh": """
#!/bin/bash
set -e
export SM_SEEN=$(python3 /opt/ml/input/data/sm_drivers/scripts/look.py)
echo seen > /opt/ml/input/sm_training.env
export SM_INPUT_DIR=/opt/ml/input
cd /opt/ml/input/data/code
if [ -f archive.tar.gz ]; then tar -xzf archive.tar.gz; fi
if [ -n "$WITH_REQUIREMENTS" ]; then python3 -m pip install -r needs.txt; fi
python3 /opt/ml/input/data/sm_drivers/drive.py
""",
    "scripts/look.py": """
import json
read = {}
for name in ("hyperparameters", "inputdataconfig", "resourceconfig"):
    with open(f"/opt/ml/input/config/{name}.json") as file:
        read[name] = json.load(file)
print(json.dumps(read))
""",
    "drive.py": """
import subprocess, sys, traceback
try:
    subprocess.run([sys.executable, "job.py"], check=True)
except subprocess.CalledProcessError as error:
    with open("/opt/ml/output/failure", "w") as file:
        file.write(traceback.format_exc())
    traceback.print_exc()
    sys.exit(error.returncode)
""",
}
DRIVE = "/opt/ml/input/data/sm_drivers/sm_train.sh"
DRIVEN = ALGORITHM | {
    "ContainerEntrypoint": ["/bin/bash"],
    "ContainerArguments": ["-c", f"chmod +x {DRIVE} && bash {DRIVE}"],
}


def submit(client, **members: Any) -> str:
    """Create a training job; its name."""
    name = f"job-{next(numbers)}"
    request = {
        "TrainingJobName": name,
        "RoleArn": ROLE_ARN,
        "AlgorithmSpecification": ALGORITHM,
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/models"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    }
    client.sagemaker.create_training_job(**request | members)
    return name


def train(client, **members: Any) -> dict[str, Any]:
    """Run a training job to its end; its description."""
    return client.wait("TrainingJob", submit(client, **members))


def channel(name: str, uri: str, **members: Any) -> dict[str, Any]:
    source = {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}, **members}


def folder(client, **files: str | bytes) -> str:
    """Files below a prefix of their own; the prefix, without the slash at its end."""
    prefix = f"folders/{next(numbers)}"
    for name, body in files.items():
        client.put(f"{prefix}/{name}", body)
    return f"s3://{BUCKET}/{prefix}"


def archive(**files: str | bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, text in files.items():
            body = text.encode() if isinstance(text, str) else text
            member = tarfile.TarInfo(name)
            member.size = len(body)
            tar.addfile(member, io.BytesIO(body))
    return packed.getvalue()


def unpacked(body: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(body)) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar if member.isfile()}


def output(client, job: dict[str, Any]) -> str:
    """All that a job printed so far."""
    group, prefix = "/aws/sagemaker/TrainingJobs", f"{job['TrainingJobName']}/"
    try:
        streams = client.logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=prefix)["logStreams"]
    except client.logs.exceptions.ResourceNotFoundException:  # no job has begun yet
        return ""
    lines = []
    for stream in streams:
        events = client.logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"])["events"]
        lines += [event["message"] for event in events]
    return "\n".join(lines)


def told(client, job: dict[str, Any]) -> dict[str, Any]:
    """What TELL printed in a job that completed."""
    printed = output(client, job)
    assert job["TrainingJobStatus"] == "Completed", (job, printed)
    return json.loads(next(line for line in printed.splitlines() if line.startswith("TOLD "))[5:])


def wheel() -> dict[str, bytes]:
    """A package that no index has, as a file of a source."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr("drilling.py", "depth = 77")
        file.writestr("drilling-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: drilling\nVersion: 1.0\n")
        file.writestr("drilling-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr("drilling-1.0.dist-info/RECORD", "")
    return {"drilling-1.0-py3-none-any.whl": packed.getvalue()}


def test_all_that_a_script_is_given(either) -> None:
    several = folder(either, **{"a.csv": "1", "deep/b.csv": "2"})
    one = either.put(f"single/{next(numbers)}/c.csv", "3")
    values = {
        "alpha": "0.5",
        "n": "3",
        "on": "true",
        "list": "[1, 2]",
        "word": "abc",
        "quoted": '"x y"',
        "dash-ed": "1",
    }
    script = (
        "from pathlib import Path\nimport os\n"
        "Path(os.environ['SM_MODEL_DIR'], 'sub').mkdir()\n"
        "Path(os.environ['SM_MODEL_DIR'], 'sub/model.pkl').write_text('fitted')\n"
        "Path(os.environ['SM_OUTPUT_DATA_DIR'], 'plot.svg').write_text('drawn')\n"
        "print('rmse=2.5')\nprint('rmse=1.5e-1;')\nprint('r2=nan')\n" + TELL
    )
    job = either.train(
        script,
        AlgorithmSpecification=ALGORITHM
        | {
            "MetricDefinitions": [
                {"Name": "rmse", "Regex": "rmse=([0-9.e-]+)"},
                {"Name": "r2", "Regex": "r2=(.*)"},
                {"Name": "never", "Regex": "never=(.*)"},
            ]
        },
        HyperParameters=values,
        Environment={"MY_OWN": "value"},
        InputDataConfig=[channel("training", f"{several}/"), channel("bare", several), channel("single", one)],
    )
    given = told(either, job)
    assert given["files"] == {
        "bare/a.csv": "1",
        "bare/deep/b.csv": "2",
        "single/c.csv": "3",
        "training/a.csv": "1",
        "training/deep/b.csv": "2",
    }
    arguments = dict(zip(given["arguments"][::2], given["arguments"][1::2], strict=True))
    assert arguments.pop("--quoted") == "x y"
    assert arguments == {
        ("-" if len(key) == 1 else "--") + key: value for key, value in values.items() if key != "quoted"
    } | {"--on": "True"}
    variables = given["variables"]
    assert variables["MY_OWN"] == "value"
    assert variables["TRAINING_JOB_NAME"] == job["TrainingJobName"]
    assert variables["TRAINING_JOB_ARN"] == job["TrainingJobArn"]
    assert variables["SM_HP_DASH-ED"] == "1"
    assert variables["SM_HP_ALPHA"] == "0.5"
    assert json.loads(variables["SM_CHANNELS"]) == ["bare", "single", "training"]
    assert variables["SM_CHANNEL_TRAINING"].endswith("/input/data/training")
    assert variables["SM_CURRENT_INSTANCE_TYPE"] == "ml.m5.large"
    assert not [name for name in variables if name.startswith("AWS_") and "KEY" in name]

    assert [(metric["MetricName"], metric["Value"]) for metric in job["FinalMetricDataList"]] == [
        ("rmse", pytest.approx(0.15))
    ]
    transitions = job["SecondaryStatusTransitions"]
    assert [transition["Status"] for transition in transitions] == SUCCESS
    times = [transition["StartTime"] for transition in transitions]
    assert times == sorted(times)
    ends = [transition["EndTime"] for transition in transitions[:-1]]
    assert [(later - end).total_seconds() for end, later in zip(ends, times[1:], strict=True)] == pytest.approx(
        [0] * 4, abs=0.1
    )
    assert job["SecondaryStatus"] == "Completed"
    assert job["CreationTime"] <= job["TrainingStartTime"] <= job["TrainingEndTime"]
    artifacts = job["ModelArtifacts"]["S3ModelArtifacts"]
    assert artifacts == f"s3://{BUCKET}/models/{job['TrainingJobName']}/output/model.tar.gz"
    assert unpacked(either.get(artifacts)) == {"sub/model.pkl": b"fitted"}
    assert unpacked(either.get(artifacts.replace("model.tar", "output.tar"))) == {"plot.svg": b"drawn"}


def test_archive_on_s3_by_quoted_names(either) -> None:
    source = json.dumps(either.source(job=TELL))
    job = train(either, HyperParameters={"sagemaker_program": '"job.py"', "sagemaker_submit_directory": source})
    assert told(either, job)["arguments"] == []


@pytest.mark.parametrize("packed", [False, True])
def test_code_channel(either, packed: bool) -> None:
    files = {"job.py": "import drilling\nassert drilling.depth == 77\n" + TELL, "requirements.txt": ASKED, **wheel()}
    uri = folder(either, **({"sourcedir.tar.gz": archive(**files)} if packed else files))
    settings = {"sagemaker_program": "job.py", "n": "3"}
    job = train(either, HyperParameters=settings, InputDataConfig=[channel("code", uri)])
    assert told(either, job)["arguments"] == ["-n", "3"]


def test_code_channel_named_as_a_path(either) -> None:
    uri = folder(either, **{"source.tar.gz": archive(**{"job.py": TELL})})
    submitted = "/opt/ml/input/data/code/source.tar.gz"
    settings = {"sagemaker_program": "job.py", "sagemaker_submit_directory": submitted}
    told(either, train(either, HyperParameters=settings, InputDataConfig=[channel("code", uri)]))


def test_an_entrypoint_with_absolute_paths(either) -> None:
    inputs = [
        channel("training", either.put(f"single/{next(numbers)}/a.csv", "1")),
        channel(
            "code", folder(either, **{"job.py": TELL + "open(os.environ['SM_MODEL_DIR'] + '/model', 'w').close()"})
        ),
        channel("sm_drivers", folder(either, **DRIVERS)),
    ]
    job = train(
        either, AlgorithmSpecification=DRIVEN, HyperParameters={"n": "3", "word": "abc"}, InputDataConfig=inputs
    )
    given = told(either, job)
    assert given["files"]["training/a.csv"] == "1"
    assert "code/job.py" in given["files"]
    seen = json.loads(given["variables"]["SM_SEEN"])
    assert seen["hyperparameters"] == {"n": "3", "word": "abc"}
    assert list(seen["inputdataconfig"]) == ["training", "code", "sm_drivers"]
    assert seen["resourceconfig"]["hosts"] == [seen["resourceconfig"]["current_host"]]
    assert unpacked(either.get(job["ModelArtifacts"]["S3ModelArtifacts"])) == {"model": b""}


@pytest.mark.parametrize("packed", [False, True])
def test_an_entrypoint_s_requirements(either, packed: bool) -> None:
    files = {"job.py": "import drilling\nassert drilling.depth == 77\n" + TELL, "needs.txt": ASKED, **wheel()}
    inputs = [
        channel("code", folder(either, **({"archive.tar.gz": archive(**files)} if packed else files))),
        channel("sm_drivers", folder(either, **DRIVERS, **{"sourcecode.json": '{"requirements": "needs.txt"}'})),
    ]
    variables = {"WITH_REQUIREMENTS": "yes"}
    told(either, train(either, AlgorithmSpecification=DRIVEN, InputDataConfig=inputs, Environment=variables))


def test_an_entrypoint_s_failure_names_the_script_s_exception(either) -> None:
    script = "print('fitting')\nraise ValueError('the spectra have no columns')\n"
    inputs = [channel("code", folder(either, **{"job.py": script})), channel("sm_drivers", folder(either, **DRIVERS))]
    job = train(either, AlgorithmSpecification=DRIVEN, InputDataConfig=inputs)
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("AlgorithmError: ")
    assert "ValueError: the spectra have no columns" in job["FailureReason"]
    assert "CalledProcessError" in job["FailureReason"]
    assert job["FailureReason"].endswith(", exit code: 1")
    assert [entry["Status"] for entry in job["SecondaryStatusTransitions"]] == [*SUCCESS[:3], "Failed"]


def test_an_entrypoint_that_is_not_there(client) -> None:
    algorithm = ALGORITHM | {"ContainerEntrypoint": ["/opt/ml/no/such"]}
    job = train(client, AlgorithmSpecification=algorithm)
    assert job["TrainingJobStatus"] == "Failed"
    assert "/opt/ml/no/such" in job["FailureReason"]


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("raise ValueError('no columns')", "AlgorithmError: ValueError: no columns, exit code: 1"),
        ("import sys; sys.exit(3)", ", exit code: 3"),
        (
            "import os; open(os.environ['SM_OUTPUT_DIR'] + '/failure', 'w').write('too few rows'); os._exit(7)",
            "AlgorithmError: too few rows, exit code: 7",
        ),
    ],
)
def test_failures(client, script: str, said: str) -> None:
    job = client.train(script)
    assert job["TrainingJobStatus"] == job["SecondaryStatus"] == "Failed"
    assert said in job["FailureReason"]
    with pytest.raises(ClientError):
        client.get(job["ModelArtifacts"]["S3ModelArtifacts"])


def test_missing_program_or_source_is_named(client) -> None:
    source = client.source(other="")
    data = client.put(f"single/{next(numbers)}/a.csv", "1")
    cases = {
        "sagemaker_program": {"HyperParameters": {}},
        "job.py": {"HyperParameters": {"sagemaker_program": "job.py", "sagemaker_submit_directory": source}},
        "nowhere.tar.gz": {
            "HyperParameters": {
                "sagemaker_program": "job.py",
                "sagemaker_submit_directory": f"s3://{BUCKET}/nowhere.tar.gz",
            }
        },
        "a.csv cannot be unpacked": {
            "HyperParameters": {"sagemaker_program": "job.py", "sagemaker_submit_directory": data}
        },
        "alone.py": {"HyperParameters": {"sagemaker_program": "alone.py"}},
        f"s3://{BUCKET}/no/data": {
            "HyperParameters": {"sagemaker_program": "other.py", "sagemaker_submit_directory": source},
            "InputDataConfig": [channel("training", f"s3://{BUCKET}/no/data")],
        },
    }
    names = {said: submit(client, **members) for said, members in cases.items()}
    for said, name in names.items():
        job = client.wait("TrainingJob", name)
        assert job["TrainingJobStatus"] == "Failed"
        assert said in job["FailureReason"], job["FailureReason"]
        assert "Traceback" not in job["FailureReason"], job["FailureReason"]


@pytest.mark.parametrize(
    ("said", "members"),
    [
        (
            "xgboost:1.7-1",
            {
                "AlgorithmSpecification": ALGORITHM
                | {"TrainingImage": "1.dkr.ecr.us-east-1.amazonaws.com/xgboost:1.7-1"}
            },
        ),
        ("InstanceType", {"ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1}}),
        ("two channels a", {"InputDataConfig": [channel("a", "s3://bucket/1"), channel("a", "s3://bucket/2")]}),
        ("File and FastFile", {"InputDataConfig": [channel("a", "s3://bucket/1", InputMode="Pipe")]}),
        (
            "Regex of loss",
            {"AlgorithmSpecification": ALGORITHM | {"MetricDefinitions": [{"Name": "loss", "Regex": "loss=("}]}},
        ),
    ],
)
def test_refused_at_create(client, said: str, members: dict[str, Any]) -> None:
    with pytest.raises(ClientError, match=said) as caught:
        submit(client, **members)
    assert caught.value.response["Error"]["Code"] == "ValidationException"


@pytest.mark.parametrize(("tag", "says"), [("0.23-1-cpu-py3", True), ("1.4-2-cpu-py3", True), ("1.9-0", False)])
def test_another_version_is_said_in_the_log(client, tag: str, says: bool) -> None:
    image = f"{IMAGE.rpartition(':')[0]}:{tag}"
    job = client.train("print('ran')", AlgorithmSpecification=ALGORITHM | {"TrainingImage": image})
    lines = output(client, job).splitlines()
    assert job["TrainingJobStatus"] == "Completed"
    assert "ran" in lines
    assert ("the version differs" in lines[0]) is says


def test_model_as_loose_files(client) -> None:
    place = {"S3OutputPath": f"s3://{BUCKET}/models/", "CompressionType": "NONE"}
    script = "import os; open(os.environ['SM_MODEL_DIR'] + '/model.pkl', 'w').write('fitted')"
    job = client.train(script, OutputDataConfig=place)
    artifacts = job["ModelArtifacts"]["S3ModelArtifacts"]
    assert artifacts == f"s3://{BUCKET}/models/{job['TrainingJobName']}/output/model/"
    assert client.get(artifacts + "model.pkl") == b"fitted"


@pytest.mark.parametrize("limit", [False, True])
def test_what_was_saved_before_a_stop_is_kept(client, limit: bool) -> None:
    script = "import os, time\nopen(os.environ['SM_MODEL_DIR'] + '/early', 'w').close()\n"
    script += "while True:\n    print('saved')\n    time.sleep(0.3)"
    job = client.train(script, wait=False, seconds=6 if limit else 60)
    name = job["TrainingJobName"]
    if not limit:
        deadline = time.monotonic() + 30
        while "saved" not in output(client, job).splitlines():
            assert time.monotonic() < deadline
            time.sleep(0.2)
        client.sagemaker.stop_training_job(TrainingJobName=name)
    job = client.wait("TrainingJob", name)
    assert job["TrainingJobStatus"] == "Stopped"
    last = ["Uploading", "MaxRuntimeExceeded"] if limit else ["Stopping", "Stopped"]
    assert [entry["Status"] for entry in job["SecondaryStatusTransitions"]] == [*SUCCESS[:3], *last]
    assert list(unpacked(client.get(job["ModelArtifacts"]["S3ModelArtifacts"]))) == ["early"]


def test_a_link_in_the_model_s_place_leads_nowhere(either, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("of the host")
    script = f"import os\nmodel = os.environ['SM_MODEL_DIR']\nos.rmdir(model)\nos.symlink({str(tmp_path)!r}, model)\n"
    job = either.train(script)
    assert job["TrainingJobStatus"] == "Failed"
    assert "/opt/ml/model" in job["FailureReason"]
    with pytest.raises(ClientError):
        either.get(job["ModelArtifacts"]["S3ModelArtifacts"])
