"""Problems during a run with real clients and a simulator; botocore events simulate errors that only AWS returns."""

import contextlib
import gzip
import hashlib
import io
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectionClosedError
from recore_support.aws_requests import disconnect, new_settings, reject
from recore_support.schema import TARGETS
from recore_support.tiny_submission import TRAIN
from stagemaker_support.simulator_client import Client
from support.checkout import ROOT

from recore.backends.backend import Services
from recore.evaluation.data import DataFiles
from recore.evaluation.four_steps import EvaluationRun
from recore.evaluation.job_requests import (
    CHANGED,
    PREFIXES,
    SCORE,
    RunSettings,
    assays_key,
    predictions_key,
    scored_key,
    scoring_request,
)
from recore.evaluation.job_runner import TIMED_OUT, JobRunner, StepFailed
from recore.evaluation.record import make_record
from recore.evaluation.step import Step
from recore.evaluation.storage import NOT_IN_XML, Storage
from recore.failures.explanation import explain_failure
from stagemaker.server import BUCKET, Simulator

SLEEP = "import time\nif __name__ == '__main__':\n    time.sleep(60)\n"
VERSIONED = "a-bucket-with-versions"
KEY = assays_key("private")
ASSAYS = "/".join(KEY[1:])
MakeRun = Callable[..., EvaluationRun]


@pytest.fixture(scope="module", autouse=True)
def versioned_bucket(simulator: Simulator) -> None:
    s3 = simulator.client("s3")
    s3.create_bucket(Bucket=VERSIONED)
    s3.put_bucket_versioning(Bucket=VERSIONED, VersioningConfiguration={"Status": "Enabled"})


@pytest.fixture
def sleeping_run(make_run: MakeRun) -> EvaluationRun:
    """Return a run whose training takes a minute and whose objects on S3 are kept."""
    return make_run(keep=True, names=("public",), train=SLEEP + TRAIN)


@pytest.fixture
def final_status(simulator: Simulator, sleeping_run: EvaluationRun) -> Iterator[Callable[[], str]]:
    """Return a function that waits for the training job's final status."""
    client = Client(simulator)
    yield lambda: client.wait("TrainingJob", str(sleeping_run.steps["train"].job))["TrainingJobStatus"]
    with contextlib.suppress(client.sagemaker.exceptions.ClientError):
        client.sagemaker.stop_training_job(TrainingJobName=sleeping_run.steps["train"].job)


@pytest.fixture
def storage(services: Services) -> Storage:
    return Storage(services.s3, new_settings(), lambda: None)


def list_keys(simulator: Simulator, settings: RunSettings) -> list[str]:
    """Return the keys of all versions of a run's objects, relative to its prefixes."""
    s3 = simulator.client("s3")
    keys = []
    for prefix in (f"{first}/{settings.name}/" for first in PREFIXES):
        if settings.bucket == VERSIONED:
            versions = s3.list_object_versions(Bucket=VERSIONED, Prefix=prefix).get("Versions", [])
        else:  # unlike list_object_versions, moto lists any key here
            versions = s3.list_objects_v2(Bucket=settings.bucket, Prefix=prefix).get("Contents", [])
        keys += [item["Key"].removeprefix(prefix) for item in versions]
    return keys


# ---- Jobs ------------------------------------------------------------------------------------------------


def test_a_transform_job_is_stopped_at_its_limit(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recore.evaluation.job_runner.TRANSFORM_SECONDS", 3)
    run = make_run(names=("public",), train=f"{TRAIN}\n\ndef predict_fn(*_):\n    __import__('time').sleep(600)\n")
    run.execute()
    assert run.steps["public predict"].reason == f"{TIMED_OUT} of 0.05 min"


@pytest.mark.parametrize(
    ("failure", "can_be_stopped"),
    [
        ("throttled", True),
        ("throttled", False),
        ("before-call.sagemaker.DescribeTrainingJob", True),
        ("after-call.sagemaker.CreateTrainingJob", True),
    ],
)
def test_a_job_that_can_no_longer_be_watched_is_stopped_or_reported(
    failure: str,
    can_be_stopped: bool,
    simulator: Simulator,
    services: Services,
    sleeping_run: EvaluationRun,
    final_status: Callable[[], str],
) -> None:
    if failure == "throttled":
        reject(services.sagemaker, "sagemaker.DescribeTrainingJob", "ThrottlingException")
    else:
        disconnect(services.sagemaker, failure)
    if not can_be_stopped:
        reject(services.sagemaker, "sagemaker.StopTrainingJob")
    sleeping_run.execute()
    train = sleeping_run.steps["train"]
    assert (train.state, sleeping_run.state, sleeping_run.steps["clean up"].state) == ("Failed", "Failed", "Completed")
    assert train.outside
    assert ("ThrottlingException" if failure == "throttled" else "Connection was closed") in str(train.reason)
    if can_be_stopped:
        assert str(train.reason).endswith(f"; the job {train.job} is being stopped")
        assert final_status() == "Stopped"
    else:
        assert f"THE JOB {train.job} MAY STILL BE RUNNING" in str(train.reason)
        assert Client(simulator).describe("TrainingJob", str(train.job))["TrainingJobStatus"] == "InProgress"


def test_a_job_that_was_rejected_is_not_stopped(services: Services, sleeping_run: EvaluationRun) -> None:
    reject(services.sagemaker, "sagemaker.CreateTrainingJob")
    rejected_stops = reject(services.sagemaker, "sagemaker.StopTrainingJob")
    sleeping_run.execute()
    reason = "An error occurred (AccessDenied) when calling the CreateTrainingJob operation: no"
    assert (sleeping_run.steps["train"].reason, rejected_stops) == (reason, [])
    assert sleeping_run.steps["clean up"].completed


def interrupt_training(rejected_stops: list[object]) -> Callable[[Step], None]:
    """Return an observer that sends SIGINT during training until a request to stop the job is rejected."""

    def interrupt(step: Step) -> None:
        if step.state == "Training" and not rejected_stops:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    return interrupt


def test_an_interrupt_whose_stop_request_is_rejected_is_reported(
    services: Services, sleeping_run: EvaluationRun, final_status: Callable[[], str]
) -> None:
    rejected_stops = reject(services.sagemaker, "sagemaker.StopTrainingJob")
    with pytest.raises(KeyboardInterrupt):
        sleeping_run.execute(interrupt_training(rejected_stops))
    train = sleeping_run.steps["train"]
    assert (train.state, sleeping_run.state) == ("Failed", "Failed")
    assert "StopTrainingJob" in str(train.reason)
    assert f"THE JOB {train.job} MAY STILL BE RUNNING" in str(train.reason)


def test_a_request_to_stop_is_repeated_if_no_job_has_started(services: Services, sleeping_run: EvaluationRun) -> None:
    rejected_stops = reject(services.sagemaker, "sagemaker.StopTrainingJob", "ValidationException", times=2)
    with pytest.raises(KeyboardInterrupt):
        sleeping_run.execute(interrupt_training(rejected_stops))
    assert len(rejected_stops) == 2
    assert sleeping_run.steps["train"].state == "Stopped"


# ---- Objects ---------------------------------------------------------------------------------------------


def test_files_replaced_meanwhile_are_not_scored(simulator: Simulator, services: Services, make_run: MakeRun) -> None:
    run = make_run()
    hashes_before = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in run.data.files.items()}

    def replace_files(step: Step) -> None:
        if step.name == "public predict" and step.completed:  # the caller's copy is scored
            services.s3.put_object(Bucket=BUCKET, Key=run.settings.key(*predictions_key("public")), Body=b"another")
        if step.name == "upload" and step.completed:
            for name in ("public", "actual"):
                run.data.files[name].write_bytes(b"another")

    run.execute(replace_files)
    assert run.state == "Failed"
    assert [step.name for step in run.steps.values() if not step.completed] == ["private score"]
    assert run.steps["private score"].reason == f"{run.data.actual} has changed since the run began"
    assert {name: file["sha256"] for name, file in make_record(run, {})["data"].items()} == hashes_before
    assert list(run.read_scores()) == ["public"]
    assert list_keys(simulator, run.settings) == []


def test_a_scoring_job_fails_if_anything_that_it_reads_was_changed(services: Services, tmp_path: Path) -> None:
    inputs = {SCORE: b"print('ran')", assays_key("public"): b"actual", scored_key("public"): b"predicted"}
    for changed_key in (None, *inputs):
        settings, step = new_settings(), Step("public score", "ProcessingJob")
        storage = Storage(services.s3, settings, lambda: None)
        for key, content in inputs.items():
            storage.upload_hashed(io.BytesIO(content), key)
        request = scoring_request(settings, "public", storage.uploaded)
        if changed_key:
            storage.put(b"changed", changed_key)
        with pytest.raises(StepFailed, match=f"^{CHANGED}$") if changed_key else contextlib.nullcontext():
            JobRunner(services, tmp_path).run(step, request)
        assert (tmp_path / step.log).read_text() == f"{CHANGED if changed_key else 'ran'}\n"
        storage.clear(keep=False)


def test_weights_that_differ_from_the_table_in_score_py_are_reported(make_run: MakeRun, tmp_path: Path) -> None:
    script = tmp_path / "score.py"
    script.write_text(
        (ROOT / "score.py").read_text().replace("\nTARGETS =", "\n(lambda w: w.update(AuPPM=0.5))(WEIGHTS)\nTARGETS =")
    )
    run, step = make_run(names=("public",), score=script), Step("public score", "ProcessingJob")
    predictions = tmp_path / "predictions"
    rows = gzip.decompress(run.data.public.read_bytes()).count(b"\n") - 1
    predictions.write_text((",".join(["1"] * len(TARGETS)) + "\n") * rows)
    run.storage.upload_hashed(io.BytesIO(run.score_script), SCORE)
    run.storage.upload_data("public", run.data.public, assays_key("public"))
    with pytest.raises(StepFailed, match=r"the weight of AuPPM is 0.5 in the scoring job, but 0.04 in WEIGHTS"):
        run._score(step, "public", predictions)
    assert step.outside


@pytest.mark.parametrize("is_lost", [False, True], ids=["rejected", "lost"])
@pytest.mark.parametrize(("bucket", "keep"), [(BUCKET, False), (BUCKET, True), (VERSIONED, False), (VERSIONED, True)])
def test_the_clean_up_removes_assays_that_could_not_be_removed_immediately(
    bucket: str, keep: bool, is_lost: bool, simulator: Simulator, services: Services, data: DataFiles
) -> None:
    settings = new_settings(bucket)
    storage = Storage(services.s3, settings, lambda: None)
    storage.put(b"model", ("model", "model.tar.gz"))
    expected: Any = contextlib.nullcontext()
    if is_lost:
        disconnect(services.s3, "after-call.s3.PutObject")
        expected = pytest.raises(ConnectionClosedError)
    reject(services.s3, "s3.DeleteObject", times=1)
    with expected, storage.upload_private_assays(data.files["actual"], KEY):
        pass
    assert ASSAYS in list_keys(simulator, settings)
    storage.clear(keep)
    # earlier versions are removed only if they are assays
    assert list_keys(simulator, settings) == (["model/model.tar.gz"] if keep or bucket == VERSIONED else [])


def test_assays_that_cannot_be_removed_fail_the_clean_up_but_not_the_score(
    simulator: Simulator, services: Services, make_run: MakeRun
) -> None:
    run = make_run()
    reject(services.s3, "s3.DeleteObject")
    run.execute()
    assert [step.name for step in run.steps.values() if not step.completed] == ["clean up"]
    assert f"s3://{BUCKET}/{run.settings.key(*KEY)} could not be deleted: " in str(run.steps["clean up"].reason)
    assert "AccessDenied" in str(run.steps["clean up"].reason)
    [_, line, *_] = explain_failure(run.steps["clean up"], run.folder, Path())
    assert line == "  look at: the bucket and SageMaker's models: objects of this run were left there"
    assert sorted(run.read_scores()) == ["private", "public"]
    assert ASSAYS in list_keys(simulator, run.settings)


def test_a_model_that_cannot_be_removed_does_not_prevent_the_removal_of_objects(
    simulator: Simulator, services: Services, make_run: MakeRun
) -> None:
    run = make_run(preprocess="raise SystemExit(1)")
    reject(services.sagemaker, "sagemaker.DeleteModel")
    run.execute()
    assert "DeleteModel" in str(run.steps["clean up"].reason)
    assert list_keys(simulator, run.settings) == []


def test_an_object_that_is_left_behind_is_reported(services: Services, storage: Storage) -> None:
    def respond(**_: object) -> tuple[AWSResponse, dict[str, Any]]:
        errors = [{"Key": "the/key", "Code": "AccessDenied", "Message": "Access Denied"}]
        return AWSResponse("", 200, {}, None), {"Errors": errors, "ResponseMetadata": {}}

    storage.put(b"x", ("score", "score.py"))
    services.s3.meta.events.register("before-call.s3.DeleteObjects", respond)
    with pytest.raises(StepFailed, match=r"could not remove 'the/key' from s3://\S+/: Access Denied$"):
        storage.clear(keep=False)


# Keys that S3 accepts. A key with a line feed is missing because moto rejects it.
ODD_NAMES = ["a\x01b", "a\x1b[2Jb", "a\rb", "a\x7fb", "\uffff", "<b>&amp;", "a+b", "a%41", "a?b#c", "\"'\\", "ü中", " "]


@pytest.mark.parametrize("is_refused", [False, True])
def test_objects_with_odd_names_are_removed_or_reported(
    is_refused: bool, simulator: Simulator, services: Services, data: DataFiles
) -> None:
    settings = new_settings()
    storage = Storage(services.s3, settings, lambda: None)
    for name in ODD_NAMES:
        storage.put(b"x", ("public", "preprocess", name))
    assert set(list_keys(simulator, settings)) == {f"public/preprocess/{name}" for name in ODD_NAMES}
    if not is_refused:
        storage.clear(keep=False)
        assert list_keys(simulator, settings) == []
        return
    reject(services.s3, "s3.DeleteObject")
    with storage.upload_private_assays(data.files["actual"], KEY):
        pass
    with pytest.raises(StepFailed) as caught:
        storage.clear(keep=False)
    remaining_keys = {f"public/preprocess/{name}" for name in ODD_NAMES if NOT_IN_XML.search(name)}
    assert set(list_keys(simulator, settings)) == remaining_keys | {ASSAYS}
    reason = str(caught.value)
    assert f"s3://{BUCKET}/{settings.key(*KEY)} could not be deleted: " in reason
    key = settings.key("public/preprocess/a\x01b")
    assert f"could not remove {key!r} and 2 other objects from {settings.uri()}/: " in reason
    assert "\x01" not in reason
