"""Objects on S3 during a run: private assays are removed even if AWS refuses requests, and changed files are detected.

The simulator and boto3's clients are real. botocore's own events simulate refusals that only AWS would send.
"""

import hashlib
import itertools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError, ConnectionClosedError
from recore_support.tiny_submission import tiny
from support.checkout import ROOT

from recore.evaluation.data import DataFiles
from recore.evaluation.four_steps import EvaluationRun
from recore.evaluation.job_requests import RunSettings
from recore.evaluation.job_runner import StepFailed
from recore.evaluation.record import make_record
from recore.evaluation.step import Step
from recore.evaluation.storage import NOT_IN_XML, Storage
from recore.evaluation.submission import read_submission
from recore.failures.explanation import explain_failure
from recore.places.place import Services
from stagemaker.server import BUCKET, ROLE_ARN, Simulator

VERSIONED = "a-bucket-with-versions"
PLACE = ("private", "actual", "public.csv.gz")
ASSAYS = "/".join(PLACE)
numbers = itertools.count()


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator() as simulator:
        s3 = simulator.client("s3")
        s3.create_bucket(Bucket=VERSIONED)
        s3.put_bucket_versioning(Bucket=VERSIONED, VersioningConfiguration={"Status": "Enabled"})
        yield simulator


@pytest.fixture
def services(simulator: Simulator) -> Services:
    """Return new clients, so that event handlers registered on them affect no other test."""
    return Services(simulator.client)


@pytest.fixture
def make_run(services: Services, sample: Path, tmp_path: Path) -> Callable[..., EvaluationRun]:
    """Return a function that prepares a run of the tiny submission, with other scripts, on a copy of the sample."""

    def make(bucket: str = BUCKET, keep: bool = False, **files: str) -> EvaluationRun:
        file_names = ("public/public.csv.gz", "private/private.csv.gz", "private/actual.csv.gz")
        data = DataFiles(*(Path(shutil.copy(sample / name, tmp_path)) for name in file_names))
        folder = tmp_path / "run"
        folder.mkdir()
        submission = read_submission(tiny(tmp_path / "mine", {f"{name}.py": text for name, text in files.items()}))
        return EvaluationRun(services, settings_of(bucket), submission, data, ROOT / "score.py", folder, keep)

    return make


def settings_of(bucket: str = BUCKET) -> RunSettings:
    return RunSettings(f"storage-{next(numbers)}", bucket, ROLE_ARN)


def deny(client: Any, event: str, times: int | None = None) -> None:
    """Refuse requests for an operation before they are sent: the first `times` of them, or all."""
    calls = itertools.count()

    def respond(**_: object) -> tuple[AWSResponse, dict[str, Any]] | None:
        if times is not None and next(calls) >= times:
            return None
        content = {"Error": {"Code": "AccessDenied", "Message": "Access Denied"}, "ResponseMetadata": {}}
        return AWSResponse("", 403, {}, None), content

    client.meta.events.register(f"before-call.{event}", respond)


def keys_of_versions(simulator: Simulator, settings: RunSettings) -> list[str]:
    """Return the keys of all versions of a run's objects on S3, relative to the run's prefix."""
    prefix = f"{settings.key()}/"
    listing = simulator.client("s3").list_object_versions(Bucket=settings.bucket, Prefix=prefix)
    return [item["Key"].removeprefix(prefix) for item in listing.get("Versions", [])]


def current_keys(simulator: Simulator, settings: RunSettings) -> list[str]:
    """Return the keys of a run's current objects. Unlike list_object_versions, moto lists any key here."""
    prefix = f"{settings.key()}/"
    listing = simulator.client("s3").list_objects_v2(Bucket=settings.bucket, Prefix=prefix)
    return [item["Key"].removeprefix(prefix) for item in listing.get("Contents", [])]


def names_of_failed_steps(run: EvaluationRun) -> list[str]:
    return [step.name for step in run.steps.values() if not step.completed]


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_assays_replaced_during_a_run_are_not_used_for_scoring(
    simulator: Simulator, make_run: Callable[..., EvaluationRun]
) -> None:
    run = make_run()
    hashes_before = {name: sha256(path) for name, path in run.data.files.items()}

    def replace(step: Step) -> None:
        if step.name == "upload" and step.completed:
            for name in ("public", "actual"):
                run.data.files[name].write_bytes(b"another")

    run.execute(replace)
    assert run.state == "Failed"
    assert names_of_failed_steps(run) == ["private score"]
    assert run.steps["private score"].reason == f"{run.data.actual} has changed since the run began"
    assert {name: file["sha256"] for name, file in make_record(run, {})["data"].items()} == hashes_before
    assert list(run.read_scores()) == ["public"]
    assert keys_of_versions(simulator, run.settings) == []


@pytest.mark.parametrize(
    ("bucket", "keep"),
    [(BUCKET, False), (BUCKET, True), (VERSIONED, True)],
    ids=["cleared", "kept", "versioned, kept"],
)
def test_the_clean_up_removes_assays_that_could_not_be_removed_immediately(
    bucket: str, keep: bool, simulator: Simulator, services: Services, sample: Path
) -> None:
    settings = settings_of(bucket)
    storage = Storage(services.s3, settings, lambda: None)
    storage.put(b"model", ("model", "model.tar.gz"))
    deny(services.s3, "s3.DeleteObject", times=1)
    with storage.upload_private_assays(sample / "private/actual.csv.gz", PLACE):
        pass
    assert ASSAYS in keys_of_versions(simulator, settings)
    storage.clear(keep)
    assert keys_of_versions(simulator, settings) == (["model/model.tar.gz"] if keep else [])


def test_a_run_that_keeps_its_objects_in_a_bucket_with_versions_keeps_no_assays(
    simulator: Simulator, services: Services, make_run: Callable[..., EvaluationRun]
) -> None:
    run = make_run(VERSIONED, keep=True)
    deny(services.s3, "s3.DeleteObject", times=1)
    run.execute()
    assert run.state == "Completed"
    assert sorted(run.read_scores()) == ["private", "public"]
    remaining_keys = set(keys_of_versions(simulator, run.settings))
    assert ASSAYS not in remaining_keys
    assert {"model/model.tar.gz", "private/scores/private.txt", "public/input/public.csv.gz"} <= remaining_keys


def test_assays_that_cannot_be_removed_fail_the_clean_up_but_not_the_score(
    simulator: Simulator, services: Services, make_run: Callable[..., EvaluationRun]
) -> None:
    run = make_run()
    deny(services.s3, "s3.DeleteObject")
    run.execute()
    assert names_of_failed_steps(run) == ["clean up"]
    assert f"s3://{BUCKET}/{run.settings.key(ASSAYS)} is still there: " in str(run.steps["clean up"].reason)
    assert "AccessDenied" in str(run.steps["clean up"].reason)
    [_, line, *_] = explain_failure(run.steps["clean up"], run.folder, Path())
    assert line == "  look at: the bucket and the models: files of this run are still there"
    assert sorted(run.read_scores()) == ["private", "public"]
    assert keys_of_versions(simulator, run.settings) == [ASSAYS]


def test_assays_that_cannot_be_removed_are_reported(services: Services, sample: Path) -> None:
    settings = settings_of()
    storage = Storage(services.s3, settings, lambda: None)
    deny(services.s3, "s3.DeleteObject")
    with storage.upload_private_assays(sample / "private/actual.csv.gz", PLACE):
        pass
    with pytest.raises((StepFailed, ClientError), match=settings.key(ASSAYS)):
        storage.clear(keep=False)


@pytest.mark.parametrize(("bucket", "keep"), [(BUCKET, True), (VERSIONED, False)], ids=["kept", "versioned"])
def test_assays_are_removed_if_the_response_to_their_upload_was_lost(
    bucket: str, keep: bool, simulator: Simulator, services: Services, sample: Path
) -> None:
    settings = settings_of(bucket)
    storage = Storage(services.s3, settings, lambda: None)

    def lose(**_: object) -> None:
        raise ConnectionClosedError(endpoint_url="https://s3")

    services.s3.meta.events.register("after-call.s3.PutObject", lose)
    with (
        pytest.raises(ConnectionClosedError),
        storage.upload_private_assays(sample / "private/actual.csv.gz", PLACE),
    ):
        pass
    storage.clear(keep)
    assert keys_of_versions(simulator, settings) == []


def test_a_model_that_cannot_be_removed_does_not_prevent_the_removal_of_objects(
    simulator: Simulator, services: Services, make_run: Callable[..., EvaluationRun]
) -> None:
    run = make_run(preprocess="raise SystemExit(1)")
    deny(services.sagemaker, "sagemaker.DeleteModel")
    run.execute()
    assert "DeleteModel" in str(run.steps["clean up"].reason)
    assert keys_of_versions(simulator, run.settings) == []


def test_an_object_that_is_left_behind_is_reported(
    simulator: Simulator, services: Services, make_run: Callable[..., EvaluationRun]
) -> None:
    run = make_run(train="raise SystemExit(1)")
    key = run.settings.key("score", "score.py")

    def respond(**_: object) -> tuple[AWSResponse, dict[str, Any]]:
        errors = [{"Key": key, "Code": "AccessDenied", "Message": "Access Denied"}]
        return AWSResponse("", 200, {}, None), {"Errors": errors, "ResponseMetadata": {}}

    services.s3.meta.events.register("before-call.s3.DeleteObjects", respond)
    run.execute()
    assert run.steps["clean up"].state == "Failed"
    prefix = run.settings.uri() + "/"
    assert run.steps["clean up"].reason == f"could not remove an object from {prefix}: '{key}': Access Denied"


# Keys that S3 accepts. A key with a line feed is missing because moto refuses it.
ODD_NAMES = ["a\x01b", "a\x1b[2Jb", "a\rb", "a\x7fb", "\uffff", "<b>&amp;", "a+b", "a%41", "a?b#c", "\"'\\", "ü中", " "]


def put_odd_names(services: Services, settings: RunSettings) -> Storage:
    """Upload objects with the oddest names that a job may choose. Return the storage."""
    storage = Storage(services.s3, settings, lambda: None)
    for name in ODD_NAMES:
        storage.put(b"x", ("public", "preprocess", name))
    return storage


def test_objects_with_odd_names_are_removed(simulator: Simulator, services: Services) -> None:
    settings = settings_of()
    storage = put_odd_names(services, settings)
    assert set(current_keys(simulator, settings)) == {f"public/preprocess/{name}" for name in ODD_NAMES}
    storage.clear(keep=False)
    assert current_keys(simulator, settings) == []


def test_an_object_with_an_odd_name_that_is_left_behind_is_reported(
    simulator: Simulator, services: Services, sample: Path
) -> None:
    settings = settings_of()
    storage = put_odd_names(services, settings)
    deny(services.s3, "s3.DeleteObject")
    with storage.upload_private_assays(sample / "private/actual.csv.gz", PLACE):
        pass
    with pytest.raises(StepFailed) as caught:
        storage.clear(keep=False)
    remaining = {f"public/preprocess/{name}" for name in ODD_NAMES if NOT_IN_XML.search(name)}
    assert set(current_keys(simulator, settings)) == remaining | {ASSAYS}
    reason = str(caught.value)
    assert f"s3://{BUCKET}/{settings.key(ASSAYS)} is still there: " in reason
    key = settings.key("public/preprocess/a\x01b")
    assert f"could not remove 3 objects from {settings.uri()}/: {key!r}: " in reason
    assert "\x01" not in reason
