"""A job's files are uploaded, or the job fails with a one-line reason; in both cases, the local files are deleted."""

import os
import subprocess
import sys
import tarfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from stagemaker_support.archives import content
from stagemaker_support.checkout import ROOT, environment
from stagemaker_support.job_traces import Mark, assert_no_trace
from stagemaker_support.simulator_client import OUTPUT, Client, output_to, status_of

from stagemaker.compute.failure import JobFailed
from stagemaker.compute.files.archives import pack
from stagemaker.compute.files.output_files import OutputFolder
from stagemaker.compute.files.removal import remove
from stagemaker.compute.files.transfers import CHUNK_SIZE, upload_folder
from stagemaker.compute.processes.volume import Volume
from stagemaker.server import BUCKET

MODEL, DATA = "/opt/ml/model", "/opt/ml/output/data"
VARIABLES = {MODEL: "SM_MODEL_DIR", DATA: "SM_OUTPUT_DATA_DIR"}
FOLDERS = [OUTPUT, MODEL, DATA]
VOLUME = 1 << 30


@pytest.fixture
def uri() -> str:
    return f"s3://{BUCKET}/outputs-{uuid.uuid4().hex}/"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[OutputFolder]:
    """Return a model folder, which is this process's current folder during the test."""
    folder = OutputFolder((tmp_path / "ml").resolve(), MODEL)
    folder.path.mkdir(parents=True)
    before = os.getcwd()
    os.chdir(folder.path)
    yield folder
    os.chdir(before)
    remove(folder.ml)


def run_job(client: Client, uri: str, folder: str, script: str, **members: Any) -> dict[str, Any]:
    """Run a job, of the kind that has this output folder, and return its description. It must leave nothing behind."""
    mark = Mark()
    script = f"import os, socket\nfolder = os.environ[{VARIABLES.get(folder, 'FOLDER')!r}]\n{script}"
    if folder == OUTPUT:
        variables = mark.environment | {"FOLDER": OUTPUT}
        job = client.process(script, Environment=variables, **output_to(uri), **members)
    else:
        members = {"OutputDataConfig": {"S3OutputPath": uri}} | members
        job = client.train(script, Environment=mark.environment, **members)
    assert_no_trace(client, mark)
    return job


def failure_of(client: Client, uri: str, folder: str, script: str, **members: Any) -> str:
    """Return the failure reason of a job, which must be one line without a path on this machine."""
    job = run_job(client, uri, folder, script, **members)
    assert status_of(job) == "Failed", job
    reason = job["FailureReason"]
    assert reason.startswith(("AlgorithmError: ", "ClientError: ")), reason
    assert reason.isprintable(), reason
    assert str(client.simulator.folder) not in reason
    assert len(reason) < 500
    return reason


def members_of(folder: OutputFolder) -> dict[str, tarfile.TarInfo]:
    pack(folder, archive := folder.ml / "model.tar.gz", Volume(VOLUME))
    with tarfile.open(archive) as tar:
        return {os.fsencode(member.name).decode("latin-1"): member for member in tar}


CONTROL = "its name contains control characters"


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        ([b"b\x01b"], rf"the file 'b\x01b' cannot be stored as an object: {CONTROL}"),
        ([b"b\nb"], rf"the file 'b\nb' cannot be stored as an object: {CONTROL}"),
        ([b"b\xff"], r"the file 'b\udcff' cannot be stored as an object: its name is not valid UTF-8"),
        (["b\uffff".encode()], rf"the file 'b\uffff' cannot be stored as an object: {CONTROL}"),
        ([b"/".join(letter * 250 for letter in (b"d", b"e", b"f", b"g"))], "exceeds 1,024 bytes"),
        ([bytes([number]) for number in range(1, 32)], "(nor can 30 other files)"),
    ],
    ids=["control character", "newline", "not UTF-8", "noncharacter", "long key", "many"],
)
def test_a_file_name_that_cannot_be_a_key_is_reported_after_the_other_uploads(
    client: Client, folder: OutputFolder, uri: str, names: list[bytes], reason: str
) -> None:
    for name in (*names, b"a", b"z"):
        os.makedirs(os.path.dirname(name) or b".", exist_ok=True)
        Path(os.fsdecode(name)).touch()
    with pytest.raises(JobFailed) as caught:
        upload_folder(client.s3, folder, uri, Volume(VOLUME))
    assert str(caught.value).startswith(f"ClientError: Artifact upload failed: {MODEL}: the file ")
    assert reason in str(caught.value)
    assert client.keys(uri) == ["a", "z"]


@pytest.mark.slow
@pytest.mark.parametrize("folder", [OUTPUT, MODEL])
def test_a_file_name_that_cannot_be_a_key_fails_the_job(any_client: Client, uri: str, folder: str) -> None:
    members = {"OutputDataConfig": {"S3OutputPath": uri, "CompressionType": "NONE"}} if folder == MODEL else {}
    script = "for name in 'a\x01b', 'z':\n    open(folder + '/' + name, 'w').close()"
    job = run_job(any_client, uri, folder, script, **members)
    reason = rf"the file 'a\x01b' cannot be stored as an object: {CONTROL}"
    assert job["FailureReason"] == f"ClientError: Artifact upload failed: {folder}: {reason}"
    assert job["FailureReason"] in any_client.log(job)
    path = f"{job['TrainingJobName']}/output/model/" if folder == MODEL else ""
    assert any_client.keys(uri) == [f"{path}z"]
    assert folder == OUTPUT or job["ModelArtifacts"]["S3ModelArtifacts"] == f"{uri}{path}"


@pytest.mark.slow
def test_the_other_outputs_are_uploaded_when_one_is_invalid(client: Client, uri: str) -> None:
    outputs = []
    for name in ("bad", "good"):
        [output] = output_to(uri + name, f"/opt/ml/processing/{name}")["ProcessingOutputConfig"]["Outputs"]
        outputs.append(output | {"OutputName": name})
    script = "import os\nopen(os.environ['BAD'] + '/\\x07', 'w').close()\nopen(os.environ['GOOD'] + '/x', 'w').close()"
    folders = {name.upper(): f"/opt/ml/processing/{name}" for name in ("bad", "good")}
    job = client.process(script, ProcessingOutputConfig={"Outputs": outputs}, Environment=folders)
    assert job["ProcessingJobStatus"] == "Failed"
    assert client.keys(uri) == ["good/x"]


def test_unusual_names_are_kept_and_can_be_deleted_in_one_request(
    client: Client, folder: OutputFolder, uri: str
) -> None:
    names = ["100%", "%41", "a+b", "q?x#y", "a;b&c=d", "<i>&amp;'\"", "é中\U0001f600", "a b", "~", "a\\b", "..a"]
    for name in names:
        Path(name).write_text(name)
    upload_folder(client.s3, folder, uri, Volume(VOLUME))
    assert client.keys(uri) == sorted(names)
    prefix = uri.removeprefix(f"s3://{BUCKET}/")
    objects = {"Objects": [{"Key": prefix + name} for name in names]}
    assert "Errors" not in client.s3.delete_objects(Bucket=BUCKET, Delete=objects)
    assert client.keys(uri) == []


def test_a_model_may_contain_files_with_any_name(folder: OutputFolder) -> None:
    names = [b"\x01", b"a\nb", b"\xff", b"d" * 255]
    for name in names:
        Path(os.fsdecode(name)).touch()
    assert sorted(members_of(folder)) == sorted(name.decode("latin-1") for name in names)


def test_a_model_has_no_owner_and_no_special_permissions(folder: OutputFolder) -> None:
    modes = {"0o4755": 0o755, "0o2711": 0o755, "0o600": 0o644, "0o666": 0o644, "0o6000": 0o644, "0o3777": 0o755}
    for name in modes:
        Path(name).mkdir() if name == "0o3777" else Path(name).touch()
        Path(name).chmod(int(name, 8))
    members = members_of(folder)
    assert {name: member.mode for name, member in members.items()} == modes
    assert {(info.uid, info.gid, info.uname, info.gname) for info in members.values()} == {(0, 0, "", "")}


UNREADABLE_FOLDERS = {
    "a symbolic link to itself": ("os.symlink('loop', 'loop')", [OUTPUT, MODEL]),
    "two symbolic links in a cycle": ("os.symlink('b', 'a')\nos.symlink('a', 'b')", [DATA]),
    "deeply nested folders": (
        "for _ in range(5000):\n    os.mkdir('d')\n    os.chdir('d')\nopen('f', 'w').close()",
        [OUTPUT, DATA],
    ),
    "nested folders with long names": (
        "for _ in range(100):\n    os.mkdir('d' * 250)\n    os.chdir('d' * 250)",
        [OUTPUT, MODEL],
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "folder"), [(kind, folder) for kind, (_, folders) in UNREADABLE_FOLDERS.items() for folder in folders]
)
def test_outputs_that_cannot_be_read_fail_the_job(client: Client, uri: str, kind: str, folder: str) -> None:
    reason = failure_of(client, uri, folder, f"os.chdir(folder)\n{UNREADABLE_FOLDERS[kind][0]}")
    assert reason.startswith(f"AlgorithmError: {folder} could not be read: ")
    assert not [key for key in client.keys(uri) if not key.endswith("model.tar.gz") or folder == MODEL]


# What replaces an output folder, and the folders for which this does not fail the job: a model must be a folder.
REPLACEMENTS = {
    "a file": ("open(folder, 'w').write('x')", [OUTPUT]),
    "a pipe": ("os.mkfifo(folder)", [OUTPUT, DATA]),
    "a socket": ("socket.socket(socket.AF_UNIX).bind(folder)", [OUTPUT, DATA]),
    "a broken symbolic link": ("os.symlink('/nowhere', folder)", []),
    "a symbolic link to itself": ("os.symlink(folder, folder)", []),
    "a symbolic link to a folder of this machine": ("os.symlink(HOST, folder)", []),
    "nothing": ("", [OUTPUT, DATA]),
}


@pytest.mark.slow
@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("kind", REPLACEMENTS)
def test_a_job_may_not_replace_its_model_or_lead_out_of_an_output_folder(
    any_client: Client, uri: str, tmp_path: Path, kind: str, folder: str
) -> None:
    (tmp_path / "secret").write_text("of the host")
    script, allowed = REPLACEMENTS[kind]
    script = f"os.chdir(folder + '/..')\nfolder = os.path.basename(folder)\nos.rmdir(folder)\n{script}"
    script = script.replace("HOST", repr(str(tmp_path)))
    if folder in allowed:
        assert status_of(run_job(any_client, uri, folder, script)) == "Completed"
        assert [key for key in any_client.keys(uri) if "tar.gz" not in key] == ([""] if kind == "a file" else [])
    else:
        assert folder in failure_of(any_client, uri, folder, script)
        assert not [key for key in any_client.keys(uri) if "model.tar" not in key or folder == MODEL]


@pytest.mark.everywhere
@pytest.mark.parametrize(("name", "target"), [("o", "o"), ("output", "output"), ("processing", "")])
def test_a_folder_above_an_output_that_leads_to_this_machine_fails_the_job(
    any_client: Client, uri: str, tmp_path: Path, name: str, target: str
) -> None:
    for path in ("o", "output/o"):
        (tmp_path / path).mkdir(parents=True)
        (tmp_path / path / "secret").write_text("secret of the host")
    script = f"""
while os.path.basename(folder) != {name!r}:
    folder = os.path.dirname(folder)
os.rename(folder, folder + '-before')
os.symlink({str(tmp_path / target)!r}, folder)
"""
    assert "link" in failure_of(any_client, uri, OUTPUT, script)
    assert any_client.keys(uri) == []


LINKS_SCRIPT = """
open(folder + '/real', 'w').write('real')
os.symlink('real', folder + '/alias')
os.symlink(host, folder + '/leads_out')
os.symlink(os.path.dirname(host), folder + '/folder_out')
os.symlink('../../../../../../../../../../../../../../..' + host, folder + '/relative_out')
os.symlink('/dev/zero', folder + '/device')
os.mkfifo(folder + '/pipe')
os.chdir(folder)
socket.socket(socket.AF_UNIX).bind('socket')
os.symlink('nowhere', 'dangling')
os.symlink('.', 'here')
os.link('real', 'second')
try:
    os.link(host, 'hard')
except OSError:
    pass
os.mkdir('empty')
os.mkdir('shut')
open('shut/file', 'w').write('x')
os.chmod('shut/file', 0)
os.chmod('shut', 0)
"""


@pytest.mark.everywhere
@pytest.mark.parametrize(
    ("folder", "names"),
    [
        (OUTPUT, ["alias", "real", "second", "shut/file"]),
        (MODEL, ["alias", "dangling", "empty", "here", "real", "second", "shut", "shut/file"]),
    ],
)
def test_links_pipes_sockets_and_devices_reveal_nothing_of_this_machine(
    any_client: Client, uri: str, tmp_path: Path, folder: str, names: list[str]
) -> None:
    (tmp_path / "secret").write_text("secret of the host")
    job = run_job(any_client, uri, folder, f"host = {str(tmp_path / 'secret')!r}\n{LINKS_SCRIPT}")
    assert status_of(job) == "Completed", job
    keys = any_client.keys(uri)
    if folder == MODEL:
        body = any_client.get(job["ModelArtifacts"]["S3ModelArtifacts"])
        (archive := tmp_path / "archive").write_bytes(body)
        with tarfile.open(archive) as tar:
            links = {member.name: member.linkname for member in tar}
        keys = sorted(links)
        assert links["alias"] == links["second"] == "real"
        assert set(content(body).values()) >= {b"real", b"x"}
    if not any_client.simulator.isolation_enforced and "hard" in keys:
        keys.remove("hard")  # without a sandbox, a job that can link to a file could also copy it
    assert keys == names


def test_a_file_that_becomes_shorter_while_it_is_uploaded_fails_the_job(
    client: Client, folder: OutputFolder, uri: str
) -> None:
    """Without a sandbox, a job's processes can outlive the job and change its files."""
    Path("large").write_bytes(bytes(5 * CHUNK_SIZE))
    calls = iter(range(4))

    def check() -> None:
        if next(calls, None) is None:
            (folder.path / "large").write_bytes(b"")

    with pytest.raises(JobFailed, match=r"could not be written to|/opt/ml/model could not be read"):
        upload_folder(client.s3, folder, uri, Volume(VOLUME), check)


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
def test_files_without_read_permission_are_read_and_removed() -> None:
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
