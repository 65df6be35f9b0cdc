"""A job's files are uploaded, or the job fails with a one-line reason; in both cases, the local files are deleted."""

import io
import os
import socket
import subprocess
import sys
import tarfile
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from stagemaker_support.archives import content
from stagemaker_support.checkout import ROOT, environment
from stagemaker_support.job_traces import Mark, assert_no_trace
from stagemaker_support.simulator_client import OUTPUT, Client, make_output, status_of

from stagemaker.compute.failure import JobFailed
from stagemaker.compute.files.archives import pack
from stagemaker.compute.files.output_files import OutputFolder, ignore
from stagemaker.compute.files.removal import remove
from stagemaker.compute.files.transfers import CHUNK_SIZE, upload_folder
from stagemaker.compute.processes.volume import Volume
from stagemaker.server import BUCKET

MODEL, DATA = "/opt/ml/model", "/opt/ml/output/data"
VARIABLES = {MODEL: "SM_MODEL_DIR", DATA: "SM_OUTPUT_DATA_DIR"}
VOLUME = Volume(1 << 30)


@pytest.fixture
def uri() -> str:
    return f"s3://{BUCKET}/outputs-{uuid.uuid4().hex}/"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[OutputFolder]:
    """Return an output data folder, which is this process's working directory during the test."""
    folder = OutputFolder((tmp_path / "ml").resolve(), DATA)
    folder.path.mkdir(parents=True)
    cwd = os.getcwd()
    os.chdir(folder.path)
    yield folder
    os.chdir(cwd)
    remove(folder.ml)
    assert not folder.ml.exists()


def assert_states_a_reason(reason: str, folder: Path) -> None:
    """Assert that a failure reason is one line without a local path."""
    assert reason.startswith(("AlgorithmError: ", "ClientError: ")), reason
    assert reason.isprintable(), reason
    assert str(folder) not in reason
    assert len(reason) < 500


def run_job(client: Client, uri: str, folder: str, script: str, **members: Any) -> dict[str, Any]:
    """Run the kind of job that has this output folder, assert that it leaves no trace, and return its description."""
    mark = Mark()
    script = f"import os, socket\nfolder = os.environ[{VARIABLES.get(folder, 'FOLDER')!r}]\n{script}"
    if folder == OUTPUT:
        variables = mark.environment | {"FOLDER": OUTPUT}
        job = client.process(script, Environment=variables, **make_output(uri) | members)
    else:
        members = {"OutputDataConfig": {"S3OutputPath": uri}} | members
        job = client.train(script, Environment=mark.environment, **members)
    if "FailureReason" in job:
        assert_states_a_reason(job["FailureReason"], client.simulator.folder)
    assert_no_trace(client, mark)
    return job


def failures(client: Client, folder: OutputFolder, uri: str) -> list[str]:
    """Return the error messages from packing a folder and from uploading it; both must fail."""
    reasons = []
    for save in (partial(pack, folder, folder.ml / "archive"), partial(upload_folder, client.s3, folder, uri)):
        with pytest.raises(JobFailed) as excinfo:
            save(VOLUME, ignore)
        reasons.append(str(excinfo.value))
        assert_states_a_reason(reasons[-1], folder.ml)
    assert client.keys(uri) == []
    return reasons


def members_of(folder: OutputFolder) -> dict[str, tarfile.TarInfo]:
    pack(folder, archive := folder.ml / "model.tar.gz", VOLUME, ignore)
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
        ([bytes([number]) for number in range(1, 32)], "; nor can 30 other files"),
    ],
    ids=["control character", "newline", "not UTF-8", "noncharacter", "long key", "many"],
)
def test_a_file_name_that_cannot_be_a_key_is_reported_after_the_other_uploads(
    client: Client, folder: OutputFolder, uri: str, names: list[bytes], reason: str
) -> None:
    for name in (*names, b"a", b"z"):
        os.makedirs(os.path.dirname(name) or b".", exist_ok=True)
        Path(os.fsdecode(name)).touch()
    with pytest.raises(JobFailed) as excinfo:
        upload_folder(client.s3, folder, uri, VOLUME, ignore)
    assert str(excinfo.value).startswith(f"ClientError: Artifact upload failed: {DATA}: the file ")
    assert reason in str(excinfo.value)
    assert client.keys(uri) == ["a", "z"]


@pytest.mark.slow
def test_files_that_cannot_be_uploaded_fail_the_job_after_all_other_files(client: Client, uri: str) -> None:
    outputs = []
    for name in ("o", "good"):
        [output] = make_output(uri + name, f"{OUTPUT[:-1]}{name}")["ProcessingOutputConfig"]["Outputs"]
        outputs.append(output | {"OutputName": name})
    write = "for name in 'a\x01b', 'z':\n    open(folder + '/' + name, 'w').close()\n"
    script = f"{write}open(folder[:-1] + 'good/x', 'w').close()"
    job = run_job(client, uri, OUTPUT, script, ProcessingOutputConfig={"Outputs": outputs})
    model = run_job(
        client, uri, MODEL, write, OutputDataConfig={"S3OutputPath": f"{uri}models", "CompressionType": "NONE"}
    )
    for failed_job, folder in ((job, OUTPUT), (model, MODEL)):
        reason = rf"{folder}: the file 'a\x01b' cannot be stored as an object: {CONTROL}"
        assert failed_job["FailureReason"] == f"ClientError: Artifact upload failed: {reason}"
        assert failed_job["FailureReason"] in client.log(failed_job)
    path = f"models/{model['TrainingJobName']}/output/model/"
    assert client.keys(uri) == ["good/x", f"{path}z", "o/z"]
    assert model["ModelArtifacts"]["S3ModelArtifacts"] == f"{uri}{path}"


def test_odd_names_are_kept_and_can_be_deleted_in_one_request(client: Client, folder: OutputFolder, uri: str) -> None:
    names = ["100%", "%41", "a+b", "q?x#y", "a;b&c=d", "<i>&amp;'\"", "é中\U0001f600", "a b", "~", "a\\b", "..a"]
    for name in names:
        Path(name).write_text(name)
    upload_folder(client.s3, folder, uri, VOLUME, ignore)
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


def nest(count: int, name: str) -> None:
    for _ in range(count):
        os.mkdir(name)
        os.chdir(name)


@pytest.mark.parametrize(
    "make",
    [
        lambda: os.symlink("loop", "loop"),
        lambda: (os.symlink("b", "a"), os.symlink("a", "b")),
        lambda: nest(5000, "d"),
        lambda: nest(100, "d" * 250),
    ],
    ids=["a link to itself", "links in a cycle", "deeply nested folders", "nested folders with long names"],
)
def test_a_folder_that_cannot_be_read_is_neither_packed_nor_uploaded(
    client: Client, folder: OutputFolder, uri: str, make: Callable[[], Any]
) -> None:
    make()
    assert all(
        reason.startswith(f"AlgorithmError: {DATA} could not be read: ") for reason in failures(client, folder, uri)
    )


# Replacements for an output folder, and the keys of the objects that are uploaded, or None if the upload fails.
REPLACEMENTS: dict[str, tuple[Callable[[str], Any], list[str] | None]] = {
    "a file": (lambda path: Path(path).write_text("x"), [""]),
    "a pipe": (os.mkfifo, []),
    "a socket": (lambda path: socket.socket(socket.AF_UNIX).bind(path), []),
    "nothing": (lambda path: None, []),
    "a broken link": (lambda path: os.symlink("/nowhere", path), None),
    "a link to itself": (lambda path: os.symlink(path, path), None),
    "a link to a folder of this machine": (lambda path: os.symlink(sys.prefix, path), None),
    "a link above it": (lambda path: (os.rename("../output", "../real"), os.symlink("real", "../output")), None),
}


@pytest.mark.parametrize("kind", REPLACEMENTS)
def test_a_folder_that_was_replaced_is_not_packed_and_not_followed_out_of_the_job(
    client: Client, folder: OutputFolder, uri: str, kind: str
) -> None:
    replace, keys = REPLACEMENTS[kind]
    os.chdir("..")
    folder.path.rmdir()
    replace("data")
    if keys is None:
        assert all(DATA in reason for reason in failures(client, folder, uri))
        return
    with pytest.raises(JobFailed, match=f"the folder {DATA} was removed or replaced"):
        pack(folder, folder.ml / "archive", VOLUME, ignore)
    upload_folder(client.s3, folder, uri, VOLUME, ignore)
    assert client.keys(uri) == keys


@pytest.mark.slow
def test_a_job_may_remove_its_data_but_not_replace_them(any_client: Client, uri: str) -> None:
    assert status_of(run_job(any_client, uri, DATA, "os.rmdir(folder)")) == "Completed"
    assert [key.rpartition("/")[2] for key in any_client.keys(uri)] == ["model.tar.gz"]
    for script, reason in (
        ("os.rmdir(folder)\nopen(folder, 'w').close()", f"the folder {DATA} was removed or replaced"),
        ("os.chdir(folder)\nfor _ in range(5000):\n    os.mkdir('d')\n    os.chdir('d')", "nested too deeply"),
    ):
        assert reason in run_job(any_client, f"{uri}failed/", DATA, script)["FailureReason"]
    assert any_client.keys(f"{uri}failed/") == []


@pytest.mark.everywhere
def test_a_folder_above_an_output_that_links_to_the_host_fails(any_client: Client, uri: str, tmp_path: Path) -> None:
    (tmp_path / "output/o").mkdir(parents=True)
    (tmp_path / "output/o/secret").write_text("secret of the host")
    script = f"""
above = os.path.dirname(os.path.dirname(folder))
os.rename(above, above + '-before')
os.symlink({str(tmp_path)!r}, above)
"""
    assert "link" in run_job(any_client, uri, OUTPUT, script)["FailureReason"]
    assert any_client.keys(uri) == []


LINKS_SCRIPT = """
open(folder + '/real', 'w').write('real')
os.symlink('real', folder + '/alias')
os.symlink(host, folder + '/leads_out')
os.symlink(os.path.dirname(host), folder + '/folder_out')
os.symlink('../../../../../../../../../../../../../../..' + host, folder + '/relative_out')
os.symlink('/dev/zero', folder + '/device')
os.mkdir(folder + '-private')
open(folder + '-private/secret', 'w').write('x')
os.symlink('../' + os.path.basename(folder) + '-private/secret', folder + '/sibling')
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
def test_links_pipes_sockets_and_devices_reveal_no_host_data(any_client: Client, uri: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret of the host")
    script = f"host = {str(tmp_path / 'secret')!r}\nfor folder in folder, os.environ['SM_MODEL_DIR']:\n"
    script += "".join(f"    {line}\n" for line in LINKS_SCRIPT.splitlines())
    job = run_job(any_client, uri, DATA, script, OutputDataConfig={"S3OutputPath": uri, "CompressionType": "NONE"})
    assert status_of(job) == "Completed", job
    output_keys = any_client.keys(model_uri := job["ModelArtifacts"]["S3ModelArtifacts"])
    body = any_client.get(model_uri.replace("/model/", "/output.tar.gz"))
    with tarfile.open(fileobj=io.BytesIO(body)) as tar:
        links = {member.name: member.linkname for member in tar}
    for keys in (output_keys, links):
        if not any_client.simulator.isolation_enforced and "hard" in keys:
            keys.remove("hard") if keys is output_keys else links.pop("hard")  # such a job could also copy the file
    assert output_keys == ["alias", "real", "second", "shut/file"]
    assert sorted(links) == ["alias", "dangling", "empty", "here", "real", "second", "shut", "shut/file"]
    assert links["alias"] == links["second"] == "real"
    assert set(content(body).values()) >= {b"real", b"x"}


def test_a_file_that_becomes_shorter_meanwhile_fails_the_job(client: Client, folder: OutputFolder, uri: str) -> None:
    """Without a sandbox, a job's processes can outlive the job and change its files."""
    Path("large").write_bytes(bytes(5 * CHUNK_SIZE))
    calls = iter(range(4))

    def raise_if_stopping() -> None:
        if next(calls, None) is None:
            (folder.path / "large").write_bytes(b"")

    with pytest.raises(JobFailed, match=f"could not be written to|{DATA} could not be read"):
        upload_folder(client.s3, folder, uri, VOLUME, raise_if_stopping)


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
