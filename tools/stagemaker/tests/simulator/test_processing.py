"""Processing jobs: inputs, outputs and exit messages, and the packages that a job's requirements.txt lists."""

import hashlib
import json
import sys
import uuid
from importlib.metadata import version
from pathlib import Path

import pytest
from stagemaker_support.archives import archive_of, make_wheel
from stagemaker_support.sandbox import needs_sandbox
from stagemaker_support.simulator_client import IMAGE, OUTPUT, make_input, make_output

from stagemaker.compute import job_run
from stagemaker.isolation.instances import Instance
from stagemaker.server import BUCKET

PRELUDE = "import os, sys\nml = os.environ.get('SAGEMAKER_BASE_DIR', '/opt/ml')\n"


def test_a_missing_bucket_fails_the_job(client):
    job = client.process("print('never')", **make_input("s3://no-such-bucket-here/data"))
    assert job["FailureReason"] == "ClientError: The bucket of 's3://no-such-bucket-here/data' does not exist"
    job = client.process(
        PRELUDE + "open(ml + '/processing/output/o/x', 'w').write('x')", **make_output("s3://no-such-bucket-here/o")
    )
    assert job["FailureReason"].startswith("ClientError: 's3://no-such-bucket-here/o' could not be written to")


@pytest.mark.parametrize(
    ("last_statement", "status"), [("", "Completed"), ("sys.exit(3)", "Failed"), ("os.abort()", "Failed")]
)
def test_outputs_and_exit_message_are_uploaded_however_the_job_ends(any_client, last_statement, status):
    """Input files keep their names, and the job may leave an unreadable folder behind."""
    root = f"inputs-{uuid.uuid4().hex}"
    for key in ("a.txt", "deep/er/b.txt", "with space/\u00e9.txt"):
        any_client.put(f"{root}/{key}", key)
    target = f"s3://{BUCKET}/outputs-{uuid.uuid4().hex}"
    script = PRELUDE + (
        "import pathlib\ninputs = pathlib.Path(ml, 'processing/input/i')\n"
        "print(sorted(path.name for path in inputs.rglob('*.txt')), flush=True)\n"
        "os.makedirs(ml + '/processing/shut/in')\nos.chmod(ml + '/processing/shut', 0)\n"
        "open(ml + '/processing/output/o/x', 'w').write('done so far')\n"
        f"open(ml + '/output/message', 'w').write('\u00e9' * 1000)\n{last_statement}"
    )
    job = any_client.process(script, **make_input(f"s3://{BUCKET}/{root}"), **make_output(target))
    assert job["ProcessingJobStatus"] == status
    assert job["ExitMessage"] == "\u00e9" * 512
    assert any_client.get(f"{target}/x") == b"done so far"
    assert any_client.log(job).startswith("['a.txt', 'b.txt', '\u00e9.txt']")


def test_an_exit_message_that_is_not_utf_8_fails_the_job(any_client):
    job = any_client.process(PRELUDE + "open(ml + '/output/message', 'wb').write(b'\\xff\\xfe\\xff')")
    assert job["FailureReason"] == "ClientError: /opt/ml/output/message is not encoded in UTF-8"


# The following tests cover requirements.txt, mostly in training jobs: among processing jobs, only those of a
# FrameworkProcessor have one.


def train(client, requirements, script="print('trained')", seconds=60, **files):
    uri = client.source(**{"job.py": script, "requirements.txt": requirements} | files)
    return client.train("", seconds=seconds, HyperParameters={"sagemaker_submit_directory": uri})


PACKAGE = {
    "pkg/setup.py": "from setuptools import setup\n"
    "setup(name='tiny-example', version='1.0', py_modules=['tiny_example'])",
    "pkg/tiny_example.py": "text = 'hello from the package'",
}
USE_PACKAGE = "import tiny_example\nprint(tiny_example.text)"


def installed_libraries(client):
    return set((client.simulator.folder / "libraries").glob("*"))


def test_requirements_that_are_already_installed_are_not_installed_again(any_client):
    libraries = installed_libraries(any_client)
    content = f"# what the container has\nnumpy=={version('numpy')}\nscikit_learn\nscipy>1 # enough\n"
    content += "nope; sys_platform == 'none'\n"
    job = train(any_client, content)
    assert job["TrainingJobStatus"] == "Completed", job
    assert installed_libraries(any_client) == libraries


def framework_inputs(client, archive, script=None):
    inputs = []
    for path, body in (("code/sourcedir.tar.gz", archive), ("entrypoint/runproc.sh", script)):
        if body is not None:
            folder, _, _ = path.partition("/")
            uri = client.put(f"source/{uuid.uuid4().hex}/{path}", body)
            inputs += make_input(uri, f"/opt/ml/processing/input/{folder}")["ProcessingInputs"]
            inputs[-1]["InputName"] = folder
    return inputs


def test_a_framework_processor_script_has_its_files_and_requirements(any_client):
    """Without a sandbox, /opt/ml does not exist, so paths below it are translated in the script and its arguments.

    The packages are installed before the SDK's script runs, because that script has no network access.
    """
    program = (
        f"import pathlib, sys\npathlib.Path(sys.argv[1], 'x').write_text(open('beside.txt').read())\n{USE_PACKAGE}"
    )
    script = (
        '#!/bin/bash\ncd /opt/ml/processing/input/code/\ntar -xzf sourcedir.tar.gz\nset -e\npython3 program.py "$@"'
    )
    files = {"program.py": program, "beside.txt": "beside it", "requirements.txt": "numpy\n./pkg\n"}
    command = ["/bin/bash", "/opt/ml/processing/input/entrypoint/runproc.sh"]
    uri = f"s3://{BUCKET}/outputs-{uuid.uuid4().hex}"
    job = any_client.process(
        "",
        ProcessingInputs=framework_inputs(any_client, archive_of(**files | PACKAGE), script),
        AppSpecification={"ImageUri": IMAGE, "ContainerEntrypoint": command, "ContainerArguments": [OUTPUT]},
        **make_output(uri),
    )
    assert job["ProcessingJobStatus"] == "Completed", job
    assert any_client.get(f"{uri}/x") == b"beside it"
    assert "hello from the package" in any_client.log(job)


def test_an_invalid_framework_processor_archive_fails_the_job(client):
    job = client.process("print('never')", ProcessingInputs=framework_inputs(client, "text"))
    assert job["FailureReason"].startswith("ClientError: sourcedir.tar.gz could not be unpacked: "), job


@needs_sandbox  # without a sandbox, /opt/ml does not exist, and paths inside files are not translated
@pytest.mark.slow
@pytest.mark.parametrize("line", ["file:///opt/ml/code/pkg", "tiny-example @ file:///opt/ml/code/pkg"])
def test_a_package_in_the_source_is_installed(client, line):
    libraries = installed_libraries(client)
    job = train(client, f"numpy\n{line}\n", USE_PACKAGE, **PACKAGE)
    assert job["TrainingJobStatus"] == "Completed", job
    assert "hello from the package" in client.log(job)
    assert len(installed_libraries(client) - libraries) == 1
    assert not list(Path(sys.prefix).rglob("tiny_example*"))


@pytest.mark.slow
def test_an_installation_is_reused_only_for_the_same_content(client):
    other_content = {"pkg/tiny_example.py": "text = 'another text'"}
    libraries = installed_libraries(client)
    logs = []
    for files in (PACKAGE, PACKAGE | other_content, PACKAGE):
        job = train(client, "./pkg  # kept", USE_PACKAGE, **files)
        logs.append(client.log(job))
    assert len(installed_libraries(client) - libraries) == 2
    assert ["another text" in log for log in logs] == [False, True, False]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("surely-no-such-package-anywhere==1", "surely-no-such-package-anywhere"),
        ("evil @ https://example.com/evil.tar.gz", "is neither"),
        ("# more\n--extra-index-url https://example.com", "line 2: jobs do not support the option '--extra-index-url"),
    ],
)
def test_lines_that_cannot_be_installed_fail_the_job(any_client, line, reason):
    job = train(any_client, line)
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("AlgorithmError: requirements.txt could not be installed: ")
    assert reason in job["FailureReason"]


@pytest.mark.parametrize("is_right", [True, False])
def test_the_hash_of_a_package_is_checked(client, is_right, tmp_path, monkeypatch):
    [(name, content)] = make_wheel().items()
    (tmp_path / name).write_bytes(content)
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    digest = hashlib.sha256(content if is_right else b"another wheel").hexdigest()
    requirements = f"drilling==1.0 \\\n    --hash=sha256:{digest}\n    # via -r more.in\n"
    job = train(client, requirements, "import drilling\nprint('depth', drilling.depth)")
    if is_right:
        assert job["TrainingJobStatus"] == "Completed", job
        assert "depth 77" in client.log(job)
    else:
        assert "DO NOT MATCH THE HASHES" in client.log(job)
        assert "requirements.txt could not be installed" in job["FailureReason"]


@needs_sandbox
def test_a_package_is_built_without_access_to_the_network_or_host_files(client):
    setup = f"""
import json, os, socket
access = {{"files": os.path.exists({str(Path(__file__))!r})}}
try:
    socket.create_connection(("127.0.0.1", {client.simulator.port}), 3)
    access["network"] = True
except OSError:
    access["network"] = False
open("tiny_example.py", "w").write("text = " + repr(json.dumps(access)))
{PACKAGE["pkg/setup.py"]}
"""
    job = train(client, "./pkg", USE_PACKAGE, **PACKAGE | {"pkg/setup.py": setup})
    assert job["TrainingJobStatus"] == "Completed", job
    log = client.log(job)
    assert json.dumps({"files": False, "network": False}) in log


FAILING_BUILDS = {
    "fills its disk": (
        "os.posix_fallocate(os.open('f', os.O_CREAT | os.O_RDWR), 0, 1200 << 20)\ntime.sleep(600)",
        "No space left on device: the job needs more than the VolumeSizeInGB of 1",
    ),
    "uses all memory": (
        "kept = b'x' * (1 << 30)\ntime.sleep(600)",
        "The job needed more memory than its instance type has",
    ),
    "raises an error": ("raise ValueError('no compiler')", "ValueError: no compiler"),
}


@pytest.mark.parametrize(("script", "reason"), FAILING_BUILDS.values(), ids=FAILING_BUILDS.keys())
def test_a_package_that_cannot_be_built_fails_the_job(any_client, monkeypatch, script, reason):
    monkeypatch.setattr(job_run, "instance_of", lambda instance_type: Instance(300 << 20, 2))
    job = train(any_client, "./pkg", **PACKAGE | {"pkg/setup.py": f"import os, time\n{script}"})
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"] == f"AlgorithmError: requirements.txt could not be installed: {reason}"


def test_the_time_limit_applies_while_a_package_is_built(any_client):
    job = train(any_client, "./pkg", seconds=3, **PACKAGE | {"pkg/setup.py": "import time\ntime.sleep(600)"})
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert (job["TrainingEndTime"] - job["TrainingStartTime"]).total_seconds() < 60


@pytest.mark.machine
def test_a_package_from_the_index_is_installed(any_client):
    job = train(any_client, "wheel==0.45.1", "import wheel\nprint('wheel', wheel.__version__)")
    assert job["TrainingJobStatus"] == "Completed", job
    assert "wheel 0.45.1" in any_client.log(job)
    assert not list(Path(sys.prefix).rglob("wheel-0.45.1*"))
