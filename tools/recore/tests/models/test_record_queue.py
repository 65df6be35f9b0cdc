import os
import socket
import threading
from collections.abc import Callable

import boto3
import pytest
from stagemaker_support.job_traces import wait_until
from stagemaker_support.simulator_client import Client, counter

from recore.model import http_server
from recore.model.record_queue import DRAIN_SECONDS, THREADS, RecordQueue
from recore.model.uploads import S3Uploader
from stagemaker.server import BUCKET


@pytest.fixture
def put(connected_client: Client) -> Callable[[str, str, bytes], None]:
    s3 = boto3.client("s3")
    return S3Uploader(lambda: s3).put


def record_names(client: Client, prefix: str, bucket: str = BUCKET) -> list[str]:
    pages = client.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/")
    return [item["Key"].partition("/")[2] for page in pages for item in page.get("Contents", [])]


def test_all_records_are_written_when_the_queue_is_closed(
    put: Callable[[str, str, bytes], None], client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    prefix = f"queue-{next(counter)}"
    records = RecordQueue(put, drain_seconds=60)
    for index in range(40):
        records.put(BUCKET, f"{prefix}/{index:02}\u00e9", b'{"number": %d}' % index)
    records.close()
    assert record_names(client, prefix) == [f"{index:02}\u00e9" for index in range(40)]
    assert client.get(f"s3://{BUCKET}/{prefix}/07\u00e9") == b'{"number": 7}'
    assert caplog.messages == []
    records.put(BUCKET, f"{prefix}/late", b"{}")
    assert caplog.messages == ["records: lost (1 so far): the server has stopped"]
    assert "late" not in record_names(client, prefix)


def test_records_are_kept_until_their_bucket_exists(
    put: Callable[[str, str, bytes], None], client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    bucket = f"late-{next(counter)}-{os.getpid()}"
    records = RecordQueue(put, drain_seconds=60, pauses=[60])
    for index in range(THREADS):
        records.put(bucket, f"records/{index}", b"{}")
    wait_until(lambda: len(caplog.messages) > 0)
    client.s3.create_bucket(Bucket=bucket)
    records.close()
    assert record_names(client, "records", bucket) == [str(index) for index in range(THREADS)]
    assert "failed and will be retried" in caplog.messages[0]
    assert f"the bucket {bucket} does not exist: create it, or correct ML2P_S3_URL" in caplog.messages[0]
    assert not any("lost" in message for message in caplog.messages)


def test_records_that_s3_never_accepts_are_lost_and_do_not_stop_others(
    put: Callable[[str, str, bytes], None], client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    prefix = f"queue-{next(counter)}"
    records = RecordQueue(put, drain_seconds=60, pauses=[0, 0])
    for index in range(THREADS):
        records.put(BUCKET, f"{prefix}/refused by moto {index}\n", b"{}")
    records.put(BUCKET, f"{prefix}/good", b"{}")
    wait_until(lambda: record_names(client, prefix) == ["good"])
    records.close()
    messages = [
        line for line in caplog.messages if line.startswith(f"records: lost: s3://{BUCKET}/{prefix}/refused by moto")
    ]
    assert len(messages) == THREADS
    assert caplog.messages[-1] == f"records: {THREADS} were lost in total"


def test_a_full_queue_loses_new_records_until_it_has_room(caplog: pytest.LogCaptureFixture) -> None:
    written, release = [], threading.Event()

    def write(bucket: str, key: str, body: bytes) -> None:
        release.wait(60)
        written.append(key)

    records = RecordQueue(write, limit=1000, drain_seconds=60)
    for index in range(50):
        records.put(BUCKET, f"{index}", b"x" * 100)
    release.set()
    wait_until(lambda: len(written) == 10)

    def is_accepted() -> bool:
        records.put(BUCKET, "after", b"x" * 1000)
        return len(written) > 10

    wait_until(is_accepted)
    records.close()
    assert sorted(written[:10], key=int) == [str(index) for index in range(10)]
    assert "after" in written
    message = "records: lost (1 so far): the limit of 1000 bytes of records waiting for S3 is reached"
    assert caplog.messages[0] == message
    assert caplog.messages[-1].endswith("were lost in total")


def test_a_server_that_stops_does_not_wait_for_s3_forever(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        s3 = boto3.client("s3", "us-east-1", endpoint_url=url, aws_access_key_id="x", aws_secret_access_key="x")
        records = RecordQueue(S3Uploader(lambda: s3).put, drain_seconds=0.2)
        for index in range(THREADS + 5):
            records.put("bucket", f"records/{index}", b"{}")
        records.close()
    assert caplog.messages[-1] == f"records: {THREADS + 5} were lost in total"


def test_a_server_ends_before_sagemaker_kills_it() -> None:
    assert http_server.GRACE_SECONDS + DRAIN_SECONDS <= 29
