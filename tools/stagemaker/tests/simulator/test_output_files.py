"""A job's files are uploaded, or the job fails with a one-line reason; in both cases, the local files are deleted."""

import io
import os
import subprocess
import sys
import tarfile
import uuid
from pathlib import Path

import pytest
from stagemaker_support.checkout import ROOT, environment
from stagemaker_support.job_traces import Mark, assert_no_trace, output

from stagemaker.compute.files.removal import remove
from stagemaker.server import BUCKET

pytestmark = pytest.mark.slow

OUTPUT = "/opt/ml/processing/output/o"


def run_job(client, script, **members):
    """Run a processing job that writes to its output folder; return the job and the keys of the uploaded files."""
    prefix = f"outputs-{uuid.uuid4().hex}/"
    s3_output = {"S3Uri": f"s3://{BUCKET}/{prefix}", "LocalPath": OUTPUT, "S3UploadMode": "EndOfJob"}
    members["Environment"] = members.get("Environment", {}) | {"FOLDER": OUTPUT}
    job = client.process(
        f"import os\nfolder = os.environ['FOLDER'] + '/'\n{script}",
        ProcessingOutputConfig={"Outputs": [{"OutputName": "o", "S3Output": s3_output}]},
        **members,
    )
    objects = client.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
    return job, sorted(item["Key"].removeprefix(prefix) for item in objects)


def assert_one_line_reason(client, job):
    """Check that the job failed with a one-line reason that contains no local path."""
    assert job["ProcessingJobStatus" if "ProcessingJobStatus" in job else "TrainingJobStatus"] == "Failed", job
    reason = job["FailureReason"]
    assert reason.startswith(("AlgorithmError: ", "ClientError: ")), reason
    assert reason.isprintable(), reason
    assert str(client.simulator.folder) not in reason
    assert len(reason) < 500


INVALID_NAMES = {
    "control characters": (
        "b'a\\x01b'",
        "'a\\x01b' cannot be stored as an object: its name contains control characters",
    ),
    "a newline": ("b'a\\nb'", "'a\\nb' cannot be stored as an object: its name contains control characters"),
    "not UTF-8": ("b'a\\xff'", "'a\\udcff' cannot be stored as an object: its name is not valid UTF-8"),
    "a noncharacter": ("'a\\uffff'", "'a\\uffff' cannot be stored as an object: its name contains control characters"),
    "a long key": ("'d' * 250 + '/' + 'e' * 250 + '/' + 'f' * 250 + '/' + 'g' * 240", "exceeds 1,024 bytes"),
}


@pytest.mark.parametrize(("name", "reason"), INVALID_NAMES.values(), ids=INVALID_NAMES.keys())
def test_a_file_name_that_cannot_be_a_key_fails_the_job(any_client, name, reason):
    script = f"""
path = os.path.join(os.fsencode(folder), {name} if isinstance({name}, bytes) else os.fsencode({name}))
os.makedirs(os.path.dirname(path), exist_ok=True)
for name in (path, folder + 'a', folder + 'z'):
    open(name, 'w').close()
"""
    job, keys = run_job(any_client, script)
    assert_one_line_reason(any_client, job)
    assert job["FailureReason"].startswith(f"ClientError: Artifact upload failed: {OUTPUT}: the file ")
    assert reason in job["FailureReason"]
    assert job["FailureReason"] in output(any_client, "ProcessingJob", job["ProcessingJobName"])
    assert keys == ["a", "z"]


def test_a_file_name_in_a_model_that_cannot_be_a_key_fails_the_job(any_client):
    script = "import os\nfor name in 'a\x01b', 'z':\n    open(os.environ['SM_MODEL_DIR'] + '/' + name, 'w').close()"
    job = any_client.train(script, OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/m", "CompressionType": "NONE"})
    assert_one_line_reason(any_client, job)
    reason = "'a\\x01b' cannot be stored as an object: its name contains control characters"
    assert job["FailureReason"] == f"ClientError: Artifact upload failed: /opt/ml/model: the file {reason}"
    assert job["FailureReason"] in output(any_client, "TrainingJob", job["TrainingJobName"])
    assert any_client.get(job["ModelArtifacts"]["S3ModelArtifacts"] + "z") == b""


def test_many_invalid_names_are_reported_in_one_line(any_client):
    job, keys = run_job(any_client, "for number in range(1, 32):\n    open(folder + chr(number), 'w').close()")
    assert_one_line_reason(any_client, job)
    assert "(nor can 30 other files)" in job["FailureReason"]
    assert keys == []


def test_the_other_outputs_are_uploaded_when_one_is_invalid(any_client):
    prefix = f"outputs-{uuid.uuid4().hex}"
    outputs = [
        {
            "OutputName": name,
            "S3Output": {
                "S3Uri": f"s3://{BUCKET}/{prefix}/{name}",
                "LocalPath": f"/opt/ml/processing/{name}",
                "S3UploadMode": "EndOfJob",
            },
        }
        for name in ("bad", "good")
    ]
    script = "import os\nopen(os.environ['BAD'] + '/\\x07', 'w').close()\nopen(os.environ['GOOD'] + '/x', 'w').close()"
    folders = {"BAD": "/opt/ml/processing/bad", "GOOD": "/opt/ml/processing/good"}
    job = any_client.process(script, ProcessingOutputConfig={"Outputs": outputs}, Environment=folders)
    assert_one_line_reason(any_client, job)
    assert any_client.get(f"s3://{BUCKET}/{prefix}/good/x") == b""


UNUSUAL_NAMES = [
    "100%",
    "%41",
    "a+b",
    "q?x#y",
    "a;b&c=d",
    "<i>&amp;'\"",
    "\u00e9\u4e2d\U0001f600",
    "a b",
    "~",
    "a\\b",
    "..a",
]


def test_unusual_names_are_kept(any_client):
    job, keys = run_job(any_client, f"for name in {UNUSUAL_NAMES!r}:\n    open(folder + name, 'w').write(name)")
    assert job["ProcessingJobStatus"] == "Completed", job
    assert keys == sorted(UNUSUAL_NAMES)


def test_output_files_can_be_deleted_in_one_request(any_client):
    script = "for name in (b'\\x01', b'\\r', b'\\xff', b'fine', b'<&>'):\n"
    _, keys = run_job(any_client, script + "    open(os.fsencode(folder) + name, 'w').close()")
    assert keys == ["<&>", "fine"]
    objects = any_client.s3.list_objects_v2(Bucket=BUCKET, Prefix="outputs-", MaxKeys=1000)["Contents"]
    all_keys = [item["Key"] for item in objects]
    response = any_client.s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": key} for key in all_keys]})
    assert "Errors" not in response
    remaining_keys = [
        item["Key"] for item in any_client.s3.list_objects_v2(Bucket=BUCKET, Prefix="outputs-").get("Contents", [])
    ]
    assert not set(remaining_keys) & set(all_keys)


def test_a_model_may_contain_files_with_any_name(any_client):
    script = "folder = os.environ['SM_MODEL_DIR'] + '/'\n"
    script += "for name in (b'\\x01', b'a\\nb', b'\\xff', b'd' * 255):\n"
    script += "    open(os.fsencode(folder) + name, 'w').close()"
    job = any_client.train(f"import os\n{script}")
    assert job["TrainingJobStatus"] == "Completed", job
    with tarfile.open(fileobj=io.BytesIO(any_client.get(job["ModelArtifacts"]["S3ModelArtifacts"]))) as tar:
        assert sorted(os.fsencode(name) for name in tar.getnames()) == [b"\x01", b"a\nb", b"d" * 255, b"\xff"]


def test_a_model_has_no_owner_and_no_special_permissions(any_client):
    script = "folder = os.environ['SM_MODEL_DIR'] + '/'\n"
    script += "for mode in (0o4755, 0o2711, 0o600, 0o666, 0o6000):\n"
    script += "    open(folder + oct(mode), 'w').close()\n    os.chmod(folder + oct(mode), mode)\n"
    script += "os.mkdir(folder + 'folder')\nos.chmod(folder + 'folder', 0o3777)"
    job = any_client.train(f"import os\n{script}")
    assert job["TrainingJobStatus"] == "Completed", job
    with tarfile.open(fileobj=io.BytesIO(any_client.get(job["ModelArtifacts"]["S3ModelArtifacts"]))) as tar:
        modes = {member.name: oct(member.mode) for member in tar}
        assert {(member.uid, member.gid, member.uname, member.gname) for member in tar} == {(0, 0, "", "")}
    programs = dict.fromkeys(("0o4755", "0o2711", "folder"), "0o755")
    assert modes == programs | dict.fromkeys(("0o600", "0o666", "0o6000"), "0o644")


UNREADABLE_FOLDERS = {
    "a symbolic link to itself": "os.symlink('loop', 'loop')",
    "two symbolic links in a cycle": "os.symlink('b', 'a')\nos.symlink('a', 'b')",
    "deeply nested folders": "for _ in range(5000):\n    os.mkdir('d')\n    os.chdir('d')\nopen('f', 'w').close()",
    "nested folders with long names": "for _ in range(100):\n    os.mkdir('d' * 250)\n    os.chdir('d' * 250)",
}


@pytest.mark.parametrize("script", UNREADABLE_FOLDERS.values(), ids=UNREADABLE_FOLDERS.keys())
def test_outputs_that_cannot_be_read_fail_the_job(any_client, script):
    mark = Mark()
    job, keys = run_job(any_client, f"os.chdir(folder)\n{script}", Environment=mark.environment)
    assert_one_line_reason(any_client, job)
    assert job["FailureReason"].startswith(f"AlgorithmError: {OUTPUT} could not be read: ")
    assert keys == []
    assert_no_trace(any_client, mark)


@pytest.mark.parametrize("variable", ["SM_MODEL_DIR", "SM_OUTPUT_DATA_DIR"])
@pytest.mark.parametrize("script", UNREADABLE_FOLDERS.values(), ids=UNREADABLE_FOLDERS.keys())
def test_training_outputs_that_cannot_be_read_fail_the_job(any_client, script, variable):
    mark = Mark()
    job = any_client.train(f"import os\nos.chdir(os.environ[{variable!r}])\n{script}", Environment=mark.environment)
    assert_one_line_reason(any_client, job)
    folder = {"SM_MODEL_DIR": "/opt/ml/model", "SM_OUTPUT_DATA_DIR": "/opt/ml/output/data"}[variable]
    assert job["FailureReason"].startswith(f"AlgorithmError: {folder} could not be read: ")
    assert_no_trace(any_client, mark)


REPLACEMENTS = {
    "a file": "open(folder, 'w').write('x')",
    "a pipe": "os.mkfifo(folder)",
    "a socket": "import socket\nsocket.socket(socket.AF_UNIX).bind(folder)",
    "a broken symbolic link": "os.symlink('/nowhere', folder)",
    "a symbolic link to itself": "os.symlink(folder, folder)",
    "nothing": "",
}


@pytest.mark.parametrize("script", REPLACEMENTS.values(), ids=REPLACEMENTS.keys())
def test_a_job_that_replaced_its_model_folder_fails(any_client, script):
    mark = Mark()
    setup = "import os\nos.chdir(os.path.dirname(os.environ['SM_MODEL_DIR']))\nfolder = 'model'\nos.rmdir(folder)\n"
    job = any_client.train(setup + script, Environment=mark.environment)
    assert_one_line_reason(any_client, job)
    assert "/opt/ml/model" in job["FailureReason"]
    assert_no_trace(any_client, mark)


@pytest.mark.parametrize("script", REPLACEMENTS.values(), ids=REPLACEMENTS.keys())
def test_replacing_the_output_data_folder_with_a_file_or_symbolic_link_fails_the_job(any_client, script):
    setup = "import os\nos.chdir(os.environ['SM_OUTPUT_DATA_DIR'] + '/..')\nfolder = 'data'\nos.rmdir(folder)\n"
    job = any_client.train(setup + script)
    if "link" in script or "open" in script:
        assert_one_line_reason(any_client, job)
        assert "/opt/ml/output/data" in job["FailureReason"]
    else:
        assert job["TrainingJobStatus"] == "Completed", job


@pytest.mark.parametrize("script", REPLACEMENTS.values(), ids=REPLACEMENTS.keys())
def test_replacing_an_output_folder_with_a_symbolic_link_fails_the_job(any_client, script):
    job, keys = run_job(any_client, f"os.chdir(folder + '/..')\nfolder = 'o'\nos.rmdir(folder)\n{script}")
    if "link" in script:
        assert_one_line_reason(any_client, job)
    else:
        assert job["ProcessingJobStatus"] == "Completed", job
    assert keys in ([], [""])


SPECIAL_FILES = """
import socket
os.chdir(folder)
os.mkfifo('pipe')
socket.socket(socket.AF_UNIX).bind('socket')
os.symlink('/dev/zero', 'device')
os.symlink('.', 'here')
os.mkdir('empty')
os.mkdir('shut')
open('shut/file', 'w').write('x')
os.chmod('shut/file', 0)
os.chmod('shut', 0)
"""


def test_pipes_sockets_and_devices_are_not_uploaded(any_client):
    job, keys = run_job(any_client, SPECIAL_FILES)
    assert job["ProcessingJobStatus"] == "Completed", job
    assert keys == ["shut/file"]


def test_pipes_sockets_and_devices_are_not_included_in_a_model(any_client):
    job = any_client.train(f"import os\nfolder = os.environ['SM_MODEL_DIR']\n{SPECIAL_FILES}")
    assert job["TrainingJobStatus"] == "Completed", job
    with tarfile.open(fileobj=io.BytesIO(any_client.get(job["ModelArtifacts"]["S3ModelArtifacts"]))) as tar:
        assert sorted(tar.getnames()) == ["empty", "here", "shut", "shut/file"]


UNPRIVILEGED_PROGRAM = """
import os, pathlib, sys
from stagemaker.compute.files.output_files import OutputFolder
from stagemaker.compute.files.removal import remove
os.setgid(65534)
os.setuid(65534)
folder = pathlib.Path(sys.argv[1]).resolve()
os.makedirs(folder / "model/shut/deep/er")
(folder / "model/shut/file").write_text("content")
os.chmod(folder / "model/shut/deep", 0)
os.chmod(folder / "model/shut/file", 0)
os.chmod(folder / "model/shut", 0)
files = OutputFolder(folder, "/opt/ml/model").files(lambda: None)
print(sorted((file.name, file.open().read().decode() if file.size else "") for file in files))
os.chmod(folder / "model/shut/deep", 0)
os.chmod(folder / "model/shut", 0)
os.chdir(folder / "model")
for _ in range(3000):
    os.mkdir("deep")
    os.chdir("deep")
os.mkdir("shut")
os.mkdir("shut/in")
os.chmod("shut", 0)
os.chdir("/")
remove(folder / "model")
print(os.listdir(folder))
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can run a program as another user")
def test_files_without_read_permission_are_read_and_removed(tmp_path: Path) -> None:
    folder = Path("/var/tmp") / f"recore-{uuid.uuid4().hex}"  # other users have access to its parent folders
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    try:
        command = [sys.executable, "-c", UNPRIVILEGED_PROGRAM, str(folder)]
        result = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True)
        assert result.returncode == 0, result.stderr
        expected = "[('shut', ''), ('shut/deep', ''), ('shut/deep/er', ''), ('shut/file', 'content')]\n[]\n"
        assert result.stdout == expected
    finally:
        remove(folder)
