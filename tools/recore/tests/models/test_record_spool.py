"""The record spool: no prediction waits for its record or fails because of it, and each lost record is reported."""

import contextlib
import logging
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest
from models.house_prices import s3_variables
from stagemaker_support.job_traces import wait_until
from stagemaker_support.simulator_client import Client, numbers
from support.checkout import environment

from recore.model import http_server, record_spool
from recore.model.record_spool import UPLOADER, RecordSpool
from recore.model.record_uploader import THREADS
from stagemaker.server import BUCKET

MakeSpool = Callable[..., RecordSpool]


@pytest.fixture
def make_spool(connected_client: Client, tmp_path: Path) -> MakeSpool:
    """Return a function that creates a spool below the test's folder. The machine may be busy at its end."""
    return partial(RecordSpool, drain_seconds=60, parent=tmp_path)


@pytest.fixture
def prefix() -> str:
    return f"spool-{next(numbers)}"


@pytest.fixture
def bucket() -> str:
    """Return the name of a bucket that does not exist yet."""
    return f"late-{next(numbers)}-{os.getpid()}"


def record_names(client: Client, prefix: str, bucket: str = BUCKET) -> list[str]:
    pages = client.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/")
    return [item["Key"].partition("/")[2] for page in pages for item in page.get("Contents", [])]


def uploader_of(spool: RecordSpool) -> psutil.Process:
    for process in psutil.Process().children():
        with contextlib.suppress(psutil.Error):  # a process that has just ended
            if str(spool.folder) in process.cmdline():
                return process
    raise AssertionError("the uploader does not run")


def upload(folder: Path, seconds: int, variables: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    """Run the uploader on the folder of a server that has ended."""
    return subprocess.run(
        [sys.executable, "-P", str(UPLOADER), str(folder), str(seconds)],
        env=environment() | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


@contextlib.contextmanager
def errors_written_to(path: Path) -> Iterator[None]:
    """Let this process and those that it starts write their errors to a file, which loses none while it is read."""
    with path.open("wb") as file:
        stderr = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


@contextlib.contextmanager
def room_for(size: int) -> Iterator[None]:
    """Let files of this process have at most so many bytes, as if the disk were full then."""
    _, hard = limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_records_in_several_files_are_written_until_the_spool_is_closed(
    make_spool: MakeSpool, client: Client, prefix: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spool = make_spool(segment=200)
    for number in range(40):
        spool.put(BUCKET, f"{prefix}/{number:02}\u00e9", b'{"number": %d}' % number)
    spool.close()
    assert record_names(client, prefix) == [f"{number:02}\u00e9" for number in range(40)]
    assert client.get(f"s3://{BUCKET}/{prefix}/07\u00e9") == b'{"number": 7}'
    assert list(tmp_path.iterdir()) == []
    spool.close()
    with caplog.at_level(logging.ERROR):
        spool.put(BUCKET, "late", b"{}")
    assert "dropped (1 so far): the server has stopped" in caplog.text


@pytest.mark.slow
def test_records_are_kept_until_their_bucket_exists(
    make_spool: MakeSpool, client: Client, bucket: str, tmp_path: Path
) -> None:
    """The only message, which may be repeated, says why the records are kept."""
    messages = tmp_path / "messages"
    with errors_written_to(messages):
        spool = make_spool()
        for number in range(10):
            spool.put(bucket, f"records/{number}", b"{}")
        wait_until(lambda: "does not exist" in messages.read_text())
        client.s3.create_bucket(Bucket=bucket)
        spool.close()
    assert record_names(client, "records", bucket) == [str(number) for number in range(10)]
    reason = f"the bucket {bucket} does not exist: create it, or correct ML2P_S3_URL"
    lines = set(messages.read_text().splitlines())
    assert lines == {f"records: S3 does not accept them; they are kept and retried: {reason}"}


@pytest.mark.slow
def test_a_full_spool_drops_records_and_reports_it(
    make_spool: MakeSpool, client: Client, bucket: str, caplog: pytest.LogCaptureFixture
) -> None:
    spool = make_spool(limit=1000, segment=300)
    for number in range(50):
        spool.put(bucket, f"records/{number}", b"x" * 60)
    assert sum(path.stat().st_size for path in spool.folder.iterdir()) <= 1000
    client.s3.create_bucket(Bucket=bucket)
    count = 50

    def are_enough_written() -> bool:
        nonlocal count
        spool.put(bucket, f"records/{count}", b"x" * 60)
        count += 1
        return len(record_names(client, "records", bucket)) > 20

    wait_until(are_enough_written)  # a spool that was full accepts records again
    spool.close()
    lines = [record.message for record in caplog.records]
    assert lines[0] == "records: dropped (1 so far): the spool is full (1000 bytes)"
    assert lines[-1] == f"records: {count - len(record_names(client, 'records', bucket))} were dropped in total"


@pytest.mark.slow
def test_the_uploader_survives_signals_to_the_server_and_is_restarted_if_it_is_killed(
    make_spool: MakeSpool, client: Client, prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    spool = make_spool()
    spool.put(BUCKET, f"{prefix}/1", b"{}")
    wait_until(lambda: record_names(client, prefix) == ["1"])
    first = uploader_of(spool)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        first.send_signal(number)
    spool.put(BUCKET, f"{prefix}/2", b"{}")
    wait_until(lambda: record_names(client, prefix) == ["1", "2"])
    assert uploader_of(spool) == first
    first.kill()
    spool.put(BUCKET, f"{prefix}/3", b"{}")
    wait_until(lambda: record_names(client, prefix) == ["1", "2", "3"])
    assert "the uploader ended with exit code -9; it is being restarted" in caplog.text
    uploader_of(spool).kill()
    spool.put(BUCKET, f"{prefix}/4", b"{}")
    spool.close()
    assert record_names(client, prefix) == ["1", "2", "3", "4"]


@pytest.mark.slow
def test_records_are_written_if_the_uploader_is_killed_while_closing(
    make_spool: MakeSpool, client: Client, bucket: str, caplog: pytest.LogCaptureFixture
) -> None:
    spool = make_spool()
    uploader = uploader_of(spool)
    spool.put(bucket, "records/record", b"{}")
    closing_thread = threading.Thread(target=spool.close)
    closing_thread.start()
    wait_until(lambda: "dropped" in caplog.text or spool.put(bucket, "records/late", b"{}"))  # the spool is closed
    closing_thread.join(0.5)  # the uploader is told to end
    uploader.kill()
    client.s3.create_bucket(Bucket=bucket)
    closing_thread.join()
    assert "record" in record_names(client, "records", bucket)
    assert "records: the uploader ended with exit code -9; it is being restarted" in caplog.messages


def test_an_uploader_that_fails_is_reported(
    make_spool: MakeSpool, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    (tmp_path / "broken.py").write_text("raise SystemExit(3)")
    make_spool(uploader=tmp_path / "broken.py").close()
    assert caplog.messages[-1] == "records: the uploader ended with exit code 3; records may be lost"


@pytest.mark.slow
def test_records_are_lost_if_s3_does_not_respond(
    make_spool: MakeSpool, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The server does not wait forever, and reports the lost records."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    spool = make_spool(drain_seconds=3)
    for number in range(5):
        spool.put("bucket", f"records/{number}", b"{}")
    spool.close()
    error = capfd.readouterr().err
    assert "S3 does not accept them; they are kept and retried: EndpointConnectionError: Could not connect" in error
    assert error.endswith("records: 5 were not written before the server ended and are lost\n")


@pytest.mark.slow
def test_a_record_that_s3_never_accepts_does_not_stop_others(
    make_spool: MakeSpool, client: Client, prefix: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """The loss is reported and later records are written, even if every thread has such a record."""
    spool = make_spool(segment=1)
    spool.put(BUCKET, "", b"{}")
    for number in range(THREADS):
        spool.put(BUCKET, f"{prefix}/refused by moto {number}\n", b"{}")
    spool.put(BUCKET, f"{prefix}/good", b"{}")
    spool.close()
    assert record_names(client, prefix) == ["good"]
    assert capfd.readouterr().err.count("is lost because it could not be written") == 1 + THREADS


@pytest.mark.parametrize("written", [0, 20])
def test_a_full_disk_loses_records_only_while_it_is_full(
    written: int, make_spool: MakeSpool, client: Client, prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The record that does not fit, of which a part may be written, affects no other."""
    spool = make_spool()
    spool.put(BUCKET, f"{prefix}/before", b"{}")
    [file] = spool.folder.iterdir()
    with room_for(file.stat().st_size + written):
        spool.put(BUCKET, f"{prefix}/lost", b"{}")
    spool.put(BUCKET, f"{prefix}/after", b"{}")
    spool.close()
    assert record_names(client, prefix) == ["after", "before"]
    assert "records: dropped (1 so far): the spool could not be written" in caplog.text


def test_a_server_ends_before_sagemaker_kills_it() -> None:
    """SageMaker kills a server 30 seconds after asking it to stop; the program itself needs some of that time."""
    assert http_server.GRACE_SECONDS + record_spool.DRAIN_SECONDS + record_spool.EXIT_SECONDS <= 29


def test_a_truncated_record_is_skipped(client: Client, prefix: str, tmp_path: Path) -> None:
    """A killed server, or one with a full disk, leaves such a folder."""
    folder = tmp_path / "spool"
    folder.mkdir()
    entry = '["%s", "%s/%s"]\n{}\n'
    damaged = "not json\n{}\n"
    (folder / "000000000001").write_text(damaged + entry % (BUCKET, prefix, "one") + f'["{BUCKET}", "{prefix}/cut')
    (folder / "000000000002").write_text(entry % (BUCKET, prefix, "two") + f'["{BUCKET}", "{prefix}/off"]\n{{')
    result = upload(folder, 30, s3_variables(client))
    lost = "records: 000000000001: an entry is damaged, and its record is lost\n"
    assert (result.returncode, result.stderr) == (0, lost)
    assert record_names(client, prefix) == ["one", "two"]
    assert not folder.exists()


def test_records_are_written_after_something_has_removed_the_folder(
    make_spool: MakeSpool, client: Client, prefix: str, capfd: pytest.CaptureFixture[str]
) -> None:
    spool = make_spool()
    spool.put(BUCKET, f"{prefix}/before", b"{}")
    wait_until(lambda: record_names(client, prefix) == ["before"])
    shutil.rmtree(spool.folder)
    spool.put(BUCKET, f"{prefix}/after", b"{}")
    spool.close()
    assert record_names(client, prefix) == ["after", "before"]
    assert "Traceback" not in capfd.readouterr().err


def test_records_that_cannot_be_written_are_counted_with_one_reason(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    folder.mkdir()
    entries = "".join(f'["{BUCKET}", "{number}"]\n{{}}\n' for number in range(20_000))
    (folder / "000000000001").write_text(entries)
    nowhere = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    reason, count = upload(folder, 2, nowhere).stderr.splitlines()
    assert reason.endswith('Could not connect to the endpoint URL: "http://127.0.0.1:1"')
    assert count == "records: 20000 were not written before the server ended and are lost"
