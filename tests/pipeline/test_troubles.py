"""Troubles around a run: AWS that refuses or is late, archives that would grow, terminals, profiles, names.

The simulator and boto3's clients are real; what only AWS would refuse, botocore's own events refuse.
"""

import contextlib
import gzip
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectionClosedError
from click.testing import CliRunner
from helpers import ROOT, environment
from runs import files_of, start
from simulated import Client
from submitted import TRAIN, member, packed, tiny

from recore.cli import main
from recore.cli.platform import platform_of
from recore.pipeline import observing
from recore.pipeline.data import Data
from recore.pipeline.jobs import Services, Step
from recore.pipeline.observing import write_log
from recore.pipeline.requests import Settings
from recore.pipeline.results import RunFolder
from recore.pipeline.run import Run
from recore.pipeline.submission import Submission, read_submission
from recore.simulator.failure import JobFailed
from recore.simulator.objects import pack
from recore.simulator.server import BUCKET, ROLE_ARN, Simulator

SLEEP = "import time\nif __name__ == '__main__':\n    time.sleep(60)\n"
GROUP = "/aws/sagemaker/TrainingJobs"
BOTH = {"train": b"", "preprocess": b""}
SPARSE = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": str(1 << 40)}
READ = "import sys, pathlib, recore.pipeline.submission as s; s.read_submission(pathlib.Path(sys.argv[1]))"
numbers = itertools.count()


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator() as simulator:
        simulator.client("logs").create_log_group(logGroupName=GROUP)
        yield simulator


@pytest.fixture
def services(simulator: Simulator) -> Services:
    """Clients of one test: what it registers with them, no other test meets."""
    return Services(*(simulator.client(name) for name in ("sagemaker", "s3", "logs", "cloudwatch")))


@pytest.fixture
def asleep(services: Services, sample: Path, tmp_path: Path) -> Run:
    """A run on public data, not started yet, whose training takes a minute. It keeps what that job is to read."""
    (tmp_path / "run").mkdir()
    submission = read_submission(tiny(tmp_path / "mine", {"train.py": SLEEP + TRAIN}))
    settings = Settings(f"troubles-{next(numbers)}", BUCKET, ROLE_ARN)
    data = Data(sample / "public/public.csv.gz")
    return Run(services, settings, submission, data, ROOT / "score.py", tmp_path / "run", keep=True)


@pytest.fixture
def ended(simulator: Simulator, asleep: Run) -> Iterator[Callable[[], str]]:
    """How the training job ended, asked by clients that nothing is refused; what runs still is stopped at the end."""
    client = Client(simulator)
    yield lambda: client.wait("TrainingJob", str(asleep.steps["train"].job), 20)["TrainingJobStatus"]
    with contextlib.suppress(client.sagemaker.exceptions.ClientError):
        client.sagemaker.stop_training_job(TrainingJobName=asleep.steps["train"].job)


def refuse(client: Any, event: str, code: str = "AccessDenied") -> list[object]:
    """Refuse an operation always, before it is sent; what was refused so far."""
    asked: list[object] = []

    def answer(**given: object) -> tuple[AWSResponse, dict[str, Any]]:
        asked.append(given)
        return AWSResponse("", 400, {}, None), {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {}}

    client.meta.events.register(f"before-call.{event}", answer)
    return asked


def lose(client: Any, event: str) -> None:
    def answer(**_: object) -> None:
        raise ConnectionClosedError(endpoint_url="https://aws")

    client.meta.events.register(event, answer)


@pytest.mark.parametrize("way", ["throttled", "closed", "Create is not answered"])
def test_a_job_that_can_no_longer_be_watched_is_stopped(
    way: str, services: Services, asleep: Run, ended: Callable[[], str]
) -> None:
    if way == "throttled":
        refuse(services.sagemaker, "sagemaker.DescribeTrainingJob", "ThrottlingException")
    elif way == "closed":
        lose(services.sagemaker, "before-call.sagemaker.DescribeTrainingJob")
    else:
        lose(services.sagemaker, "after-call.sagemaker.CreateTrainingJob")
    asleep.execute()
    train = asleep.steps["train"]
    assert (train.state, asleep.state, asleep.steps["clean up"].state) == ("Failed", "Failed", "Completed")
    assert str(train.reason).endswith(f"; the job {train.job} was told to stop")
    assert ("ThrottlingException" if way == "throttled" else "Connection was closed") in str(train.reason)
    assert ended() == "Stopped"


def test_a_job_that_can_neither_be_watched_nor_stopped_is_not_left_unsaid(
    simulator: Simulator, services: Services, asleep: Run, ended: Callable[[], str]
) -> None:
    refuse(services.sagemaker, "sagemaker.DescribeTrainingJob", "ThrottlingException")
    refuse(services.sagemaker, "sagemaker.StopTrainingJob")
    asleep.execute()
    train = asleep.steps["train"]
    assert "(ThrottlingException)" in str(train.reason)
    assert f"THE JOB {train.job} MAY STILL RUN" in str(train.reason)
    assert Client(simulator).describe("TrainingJob", str(train.job))["TrainingJobStatus"] == "InProgress"


def test_a_job_that_was_refused_is_not_stopped(services: Services, asleep: Run) -> None:
    refuse(services.sagemaker, "sagemaker.CreateTrainingJob")
    stops = refuse(services.sagemaker, "sagemaker.StopTrainingJob")
    asleep.execute()
    reason = "An error occurred (AccessDenied) when calling the CreateTrainingJob operation: no"
    assert (asleep.steps["train"].reason, stops) == (reason, [])
    assert asleep.steps["clean up"].completed


def test_an_interrupt_whose_order_to_stop_is_refused_says_so(
    services: Services, asleep: Run, ended: Callable[[], str]
) -> None:
    stops = refuse(services.sagemaker, "sagemaker.StopTrainingJob")

    def interrupt(step: Step) -> None:
        if step.state == "Training" and not stops:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        asleep.execute(interrupt)
    train = asleep.steps["train"]
    assert (train.state, asleep.state) == ("Failed", "Failed")
    assert "StopTrainingJob" in str(train.reason)
    assert f"THE JOB {train.job} MAY STILL RUN" in str(train.reason)


def say(services: Services, job: str, *lines: str) -> None:
    stream = {"logGroupName": GROUP, "logStreamName": f"{job}/algo-1-1"}
    with contextlib.suppress(services.logs.exceptions.ResourceAlreadyExistsException):
        services.logs.create_log_stream(**stream)
    now = int(time.time() * 1000)
    services.logs.put_log_events(**stream, logEvents=[{"timestamp": now, "message": line} for line in lines])


def test_lines_that_come_late_are_waited_for(services: Services, tmp_path: Path) -> None:
    say(services, "late", "first")
    threading.Timer(0.5, say, (services, "late", "last")).start()
    write_log(services.logs, "TrainingJob", "late", tmp_path / "log", lateness=1.5)
    assert (tmp_path / "log").read_text() == "first\nlast\n"


@pytest.mark.parametrize("operation", ["DescribeLogStreams", "GetLogEvents"])
def test_a_log_that_is_refused_is_a_line(operation: str, services: Services, tmp_path: Path) -> None:
    say(services, "refused", "first")
    refuse(services.logs, f"cloudwatch-logs.{operation}")
    write_log(services.logs, "TrainingJob", "refused", tmp_path / "log", 0)
    reason = f"An error occurred (AccessDenied) when calling the {operation} operation: no"
    assert (tmp_path / "log").read_text() == f"[the log of refused cannot be read: {reason}]\n"


def test_a_log_that_is_too_large_is_cut(services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observing, "LARGEST", 100)
    say(services, "large", *(f"{number:09}" for number in range(50)))
    write_log(services.logs, "TrainingJob", "large", tmp_path / "log", 0)
    lines = (tmp_path / "log").read_text().splitlines()
    assert lines[:-1] == [f"{number:09}" for number in range(11)]
    assert lines[-1] == f"[the rest of large/algo-1-1 in {GROUP} is not kept here]"


def sparse(headers: dict[str, str], map_: bytes) -> bytes:
    """An archive whose member says by PAX headers, or by its own first bytes, where its content lies."""
    made = member("x.npy", size=len(map_))
    made.pax_headers = headers
    raw = made.tobuf(tarfile.PAX_FORMAT) + map_ + b"\0" * (-len(map_) % 512)
    return gzip.compress(raw + gzip.decompress(packed(**BOTH)), 1)


@pytest.mark.parametrize(
    "archive",
    [
        packed(member("x.npy", tarfile.GNUTYPE_SPARSE, size=1 << 40), **BOTH),
        sparse({"GNU.sparse.map": "0,0", "GNU.sparse.size": str(1 << 40)}, b""),
        sparse(SPARSE, b"1\n0\n0\n".ljust(512, b"\0")),
        pytest.param(
            sparse(SPARSE, b"1000000000\n" + b"0\n" * (20 << 20)),
            marks=pytest.mark.xfail(strict=True, reason="tarfile reads a map of any length, for half a minute here"),
        ),
    ],
    ids=["GNU", "PAX 0.1", "PAX 1.0", "a map of 40 MB"],
)
def test_a_file_of_holes_in_an_archive_is_refused_at_once(archive: bytes, tmp_path: Path) -> None:
    (tmp_path / "src.tar.gz").write_bytes(archive)
    command = [sys.executable, "-c", READ, str(tmp_path / "src.tar.gz")]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=4)
    assert done.stderr.splitlines()[-1].endswith("'x.npy' has no size that can be")


DEEP = pytest.mark.xfail(strict=True, raises=RecursionError, reason="pathlib's own recursion is not caught here")


@pytest.mark.parametrize("pattern", ["/etc/*", "../x", "a/../../x", "linked/*", pytest.param("a/" * 5000, marks=DEEP)])
def test_licences_elsewhere_are_refused(pattern: str, tmp_path: Path) -> None:
    setup = f"setup(py_modules=['train', 'preprocess'], license_files=[{pattern!r}])"
    folder = tiny(tmp_path / "mine", {"setup.py": setup})
    (tmp_path / "x").write_text("secret")
    (folder / "linked").symlink_to("..")
    with pytest.raises(ValueError, match="leads out of the submission"):
        read_submission(folder)


def of_many_names(folder: Path) -> Path:
    """A folder with one file of a megabyte, which does not compress, under 301 names."""
    folder.mkdir()
    (folder / "weights").write_bytes(random.Random(1).randbytes(1 << 20))
    for number in range(300):
        (folder / f"weights-{number}").hardlink_to(folder / "weights")
    return folder


def test_a_model_of_many_names_does_not_grow(tmp_path: Path) -> None:
    pack(of_many_names(tmp_path / "model"), tmp_path / "given.tar.gz", 1 << 30)
    submission = Submission(Path(), {"train.py": b"", "preprocess.py": b""})
    submission.join(tmp_path / "given.tar.gz", tmp_path / "model.tar.gz")
    assert (tmp_path / "model.tar.gz").stat().st_size < 1.1 * (1 << 20)
    with tarfile.open(tmp_path / "model.tar.gz") as tar:
        tar.extractall(tmp_path / "served", filter="data")
    assert (tmp_path / "served/weights-299").read_bytes() == (tmp_path / "model/weights").read_bytes()


@pytest.mark.xfail(strict=True, raises=JobFailed, reason="a file counts once for each of its names")
def test_a_model_of_many_names_takes_the_room_of_one(tmp_path: Path) -> None:
    pack(of_many_names(tmp_path / "model"), tmp_path / "given.tar.gz", 2 << 20)


def test_a_job_that_leaves_more_than_its_volume_fails_at_once(simulator: Simulator) -> None:
    began = time.monotonic()
    job = Client(simulator).train("import os\nopen(os.environ['SM_MODEL_DIR'] + '/big', 'wb').truncate(200 << 30)")
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"] == "AlgorithmError: /opt/ml/model holds more than the volume of 1 GB"
    assert time.monotonic() - began < 10


def test_an_error_reaches_the_terminal_without_escape_sequences(tmp_path: Path, sample: Path) -> None:
    folder = tiny(tmp_path / "\x1b]0;title\x07\x9b31m", {"setup.py": ""})
    for submission in (folder, folder / "gone"):
        done = CliRunner().invoke(main, ["run", str(submission), *map(str, files_of(sample))])
        assert (done.exit_code, done.stdout) == (2, "")
        assert done.stderr.startswith("recore: ")
        assert not set("\x1b\x07\x9b") & set(done.stderr)


def test_a_run_that_is_to_outlive_its_terminal_does(tmp_path: Path, sample: Path) -> None:
    mine = tiny(tmp_path / "mine", {"train.py": SLEEP.replace("60", "2") + TRAIN})
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does; what is ignored is inherited
    try:
        started = start(tmp_path / "work", mine, *files_of(sample, "public"), "--out", tmp_path / "out")
    finally:
        signal.signal(signal.SIGHUP, before)
    group = os.getpgid(started.process.pid)  # a terminal's end reaches all of it, and no other
    reached = [process for process in started.wait_for("train.py") if os.getpgid(process.pid) == group]
    for process in (started.process, *reached):
        process.send_signal(signal.SIGHUP)
    assert started.end() == (0, []), started.stderr


def test_a_profile_that_leads_elsewhere_is_not_aws(
    tmp_path: Path, sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    (tmp_path / "config").write_text("[default]\nregion = us-east-1\nendpoint_url = http://127.0.0.1:9\n")
    variables = {"AWS_CONFIG_FILE": str(tmp_path / "config")}
    variables |= {"AWS_ACCESS_KEY_ID": "some", "AWS_SECRET_ACCESS_KEY": "one"}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    options = {"engine": "aws", "role": "arn:aws:iam::111122223333:role/Jobs", "bucket": "b", "image": None}
    with platform_of(options | {"actual": None, "isolation": None}, own=True) as there:
        assert (there.endpoint, there.isolation) == ("http://127.0.0.1:9", "that of the simulator there")
        assert there.services.lateness == 0
    command = ["run", str(tiny(tmp_path / "mine")), *map(str, files_of(sample, "public")), "--out", str(tmp_path / "o")]
    command += ["--engine", "aws", "--role", str(options["role"]), "--bucket", "b", "--isolation", "required"]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 2
    assert "walls are required, and those of the simulator at http://127.0.0.1:9 are its own" in done.stderr
    assert not (tmp_path / "o").exists()


def test_a_narrow_terminal_cuts_no_number(tmp_path: Path) -> None:
    targets = {name: {"weight": 0.35, "r2": 0.123456} for name in ("CuPPM", "AuPPM")}
    for side, score in (("public", 0.43216), ("private", 0.98765)):
        text = {"score": score, "weights_scored": 0.7, "rows": 5, "targets": targets}
        (tmp_path / f"{side}.json").write_text(json.dumps(text))
    done = CliRunner().invoke(main, ["scores", str(tmp_path)], env={"COLUMNS": "38"})
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["score", "0.4322", "0.9877"] in lines
    assert ["CuPPM", "0.35", "0.123", "0.123", "0.0432"] in lines


def test_a_run_is_as_private_as_its_maker_says(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        with RunFolder(tmp_path / "mine") as folder:
            kept = folder.keep()
        assert os.umask(0o077) == 0o077
    finally:
        os.umask(before)
    assert kept.stat().st_mode & 0o777 == 0o700


def test_a_link_that_leads_nowhere_is_a_name_that_is_taken(tmp_path: Path, sample: Path) -> None:
    (tmp_path / "out").symlink_to("nowhere")
    command = ["run", str(tiny(tmp_path / "mine")), *map(str, files_of(sample)), "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(main, command)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith(f"recore: {tmp_path}/out: there already")
    assert sorted(os.listdir(tmp_path)) == ["mine", "out"]


@pytest.mark.xfail(strict=True, raises=NotADirectoryError, reason="only what exists behind a link counts as taken")
def test_a_link_that_takes_its_name_meanwhile_costs_no_run(tmp_path: Path) -> None:
    with RunFolder(tmp_path / "out") as folder:
        (tmp_path / "out").symlink_to("nowhere")
        assert folder.keep() == tmp_path / "out-2"
