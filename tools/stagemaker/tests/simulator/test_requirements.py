"""A job's requirements.txt: how it is read, and how the installation of its packages is shared and stopped."""

import os
from pathlib import Path

import pytest
from stagemaker_support.archives import member, tarball
from stagemaker_support.endpoints import NAMER, Endpoints, variant
from stagemaker_support.job_traces import wait_until
from stagemaker_support.simulator_client import Client, counter, make_input

from stagemaker.compute.failure import JobFailed, JobStopped
from stagemaker.compute.files.output_files import OutputFolder
from stagemaker.compute.files.removal import remove
from stagemaker.compute.processes.reasons import read_start
from stagemaker.compute.scripts.requirements import (
    MAX_REQUIREMENTS_BYTES,
    RequirementsFile,
    digest_of,
    find_requirements,
)

# A build backend that creates a file and ends once another file exists.
WAITING_BACKEND = """
import os, time
open({started!r}, "w").close()
while not os.path.exists({go!r}):
    time.sleep(0.05)
raise SystemExit("not built")
"""
TOO_LARGE = "AlgorithmError: requirements.txt could not be installed: the file is larger than 1024 KiB"


@pytest.fixture
def source_being_built(unsandboxed_client: Client, tmp_path: Path):
    """Return the URI of a source archive; during the test, an endpoint is building a package from it."""
    start_file, go_file = tmp_path / "started", tmp_path / "go"
    files = {
        "inference.py": NAMER.format(name="m"),
        "requirements.txt": "./package\n",
        "package/pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "waiting"\nbackend-path = ["."]\n',
        "package/waiting.py": WAITING_BACKEND.format(started=str(start_file), go=str(go_file)),
    }
    endpoints, source = Endpoints(unsandboxed_client), unsandboxed_client.source(**files)
    model = endpoints.model("", {"SAGEMAKER_SUBMIT_DIRECTORY": source})
    name = endpoints.create(endpoints.config(variant(model)), wait=False)
    wait_until(start_file.exists)
    yield source
    assert endpoints.describe(name)["EndpointStatus"] == "Creating"
    go_file.touch()
    endpoints.settle(name)
    endpoints.delete(name)


def test_different_requirements_are_installed_in_parallel(unsandboxed_client: Client, source_being_built: str) -> None:
    source = unsandboxed_client.source(job="", **{"requirements.txt": "./not-there"})
    job = unsandboxed_client.train("", HyperParameters={"sagemaker_submit_directory": source})
    assert "not-there" in job["FailureReason"]
    line = [each["StatusMessage"] for each in job["SecondaryStatusTransitions"] if each["Status"] == "Downloading"][-1]
    assert line == "Installing requirements.txt: ./not-there"  # and not a message about downloading data


def test_a_job_that_waits_for_requirements_can_be_stopped(unsandboxed_client: Client, source_being_built: str) -> None:
    settings = {"sagemaker_submit_directory": source_being_built, "sagemaker_program": "inference.py"}
    job = unsandboxed_client.train("", wait=False, HyperParameters=settings)
    wait_until(lambda: list(unsandboxed_client.simulator.folder.glob("job-*/ml/input/source/package/waiting.py")) != [])
    unsandboxed_client.stop(job)
    assert unsandboxed_client.end(job)["TrainingJobStatus"] == "Stopped"


def test_a_requirements_file_that_is_too_large_fails_the_job(any_endpoints: Endpoints) -> None:
    client, files = any_endpoints.client, {"requirements.txt": "#" * (MAX_REQUIREMENTS_BYTES + 1)}
    source = client.source(job="", **files)
    job = client.train("", HyperParameters={"sagemaker_submit_directory": source})
    assert job["FailureReason"] == TOO_LARGE
    uri = client.put(f"source/{next(counter)}/sourcedir.tar.gz", client.get(source))
    job = client.process("", **make_input(uri, "/opt/ml/processing/input/code/"))
    assert job["FailureReason"] == TOO_LARGE
    model = any_endpoints.model("", {"SAGEMAKER_SUBMIT_DIRECTORY": source})
    assert any_endpoints.failure_reason(model).endswith(TOO_LARGE.removeprefix("AlgorithmError: "))


def test_a_requirements_file_of_the_maximum_size_is_accepted(client: Client) -> None:
    content = "\ufeffnumpy\r\n".ljust(MAX_REQUIREMENTS_BYTES - 2, "#")  # the byte order mark has three bytes
    source = client.source(job="", **{"requirements.txt": content})
    job = client.train("", HyperParameters={"sagemaker_submit_directory": source})
    assert job["TrainingJobStatus"] == "Completed"


def test_symbolic_links_must_not_leave_the_source(tmp_path: Path) -> None:
    source, outside_file = tmp_path / "source", tmp_path / "outside"
    (source / "inner").mkdir(parents=True)
    outside_file.write_text("secret of the host")
    (source / "inner/needs.txt").write_text("numpy")
    file = source / "requirements.txt"
    file.symlink_to("inner/needs.txt")
    assert find_requirements(source) == RequirementsFile(source.resolve(), (source / "inner/needs.txt").resolve())
    for target in (outside_file, tmp_path / "missing", Path("/etc/passwd")):
        file.unlink()
        file.symlink_to(target)
        with pytest.raises(JobFailed, match="is missing from the source"):
            find_requirements(source)
        assert read_start(file, 100) == b""
    file.unlink()
    os.mkfifo(file)
    assert find_requirements(source) is None
    assert read_start(file, 100) == b""
    with pytest.raises(JobFailed, match="invalid name"):
        find_requirements(source / ("x" * 300))


def test_a_model_whose_requirements_are_outside_its_source_is_not_started(any_endpoints: Endpoints) -> None:
    link = member("code/requirements.txt", b"2", "../../model/needs.txt")
    link.linkname = "../needs.txt"
    body = tarball(member("needs.txt"), member("code", b"5"), link)
    model = any_endpoints.model(
        "", {"SAGEMAKER_SUBMIT_DIRECTORY": ""}, ModelDataUrl=any_endpoints.client.put("m.tar.gz", body)
    )
    reason = any_endpoints.failure_reason(model)
    assert reason == "Production variant one could not be started: the requirements file is missing from the source"


def test_paths_in_requirements_are_relative_to_the_source_and_reasons_have_no_local_path(unsandboxed_client) -> None:
    files = {"job": b"", "below/needs": b"./package\n", "package/setup": b"raise SystemExit('was run')\n"}
    archive = tarball(member("requirements.txt", b"2", "below/needs.py"), **files)
    linked_source = unsandboxed_client.put("linked.tar.gz", archive)
    absolute_source = unsandboxed_client.source(job="", **{"requirements.txt": "/opt/ml/code/none"})
    for source, output in ((linked_source, "was run"), (absolute_source, "/opt/ml/code/none")):
        job = unsandboxed_client.train("", HyperParameters={"sagemaker_submit_directory": source})
        log = unsandboxed_client.log(job)
        assert "requirements.txt could not be installed" in job["FailureReason"]
        assert output in log
        assert str(unsandboxed_client.simulator.folder) not in job["FailureReason"] + log
    assert output in job["FailureReason"]


def test_different_sources_have_different_digests(tmp_path: Path) -> None:
    digests = [digest_of("image", b"./a", None, lambda: None), digest_of("image./a", b"", None, lambda: None)]
    for index in range(5):
        (source := tmp_path / f"{index}").mkdir()
        (source / "a").write_text("x")
        if index == 0:
            (source / "b").write_text("y")
        elif index == 1:
            (source / "a").write_text("x\0b\0y")
        elif index in (2, 3):
            (source / "b").symlink_to("a" if index == 2 else "nowhere")
        else:
            (source / "a").chmod(0o755)
        digests.append(digest_of("image", b"./a", OutputFolder(source, "/opt/ml"), lambda: None))
    assert len(set(digests)) == len(digests)


def stop() -> None:
    raise JobStopped


def test_a_copy_of_a_source_has_the_same_contents_and_can_be_stopped(tmp_path: Path) -> None:
    source, copy, stopped_copy = (tmp_path / name for name in ("source", "copy", "stopped"))
    (source / "inner").mkdir(parents=True)
    (source / "inner/run.sh").write_text("#!/bin/sh")
    (source / "inner/run.sh").chmod(0o755)
    (source / "link").symlink_to("inner")
    (source / "out").symlink_to("/etc/passwd")
    os.mkfifo(source / "pipe")
    OutputFolder(source, "/opt/ml").copy(copy, lambda: None)
    assert sorted(path.name for path in copy.iterdir()) == ["inner", "link"]
    assert os.readlink(copy / "link") == "inner"
    assert os.access(copy / "inner/run.sh", os.X_OK)
    with open(source / "large", "wb") as file:
        file.truncate(8 << 30)
    with pytest.raises(JobStopped):
        OutputFolder(source, "/opt/ml").copy(
            stopped_copy, lambda: stop() if (stopped_copy / "large").exists() else None
        )
    assert (stopped_copy / "large").stat().st_size <= 1 << 20


def test_a_stop_does_not_wait_until_a_folder_is_removed(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(JobStopped):
        remove(tmp_path / "folder", stop)
