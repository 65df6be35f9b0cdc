"""Only small S3 objects are kept in memory; larger ones are kept in files that do not stay open."""

import gc
import hashlib
import os
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from moto.moto_server.werkzeug_app import BackendRequest
from moto.s3.models import s3_backends
from stagemaker_support.checkout import ROOT, run
from stagemaker_support.job_traces import wait_until
from stagemaker_support.simulator_client import Client

from stagemaker.server import BUCKET
from stagemaker.services.s3_contents import MAX_BYTES_IN_MEMORY, Content, contents


@pytest.mark.parametrize("size", [0, MAX_BYTES_IN_MEMORY, MAX_BYTES_IN_MEMORY + 1, (16 << 20) + 1])
def test_objects_of_any_size_are_returned(client: Client, size: int) -> None:
    content, key = os.urandom(size), f"contents/{uuid.uuid4().hex}"
    client.s3.put_object(Bucket=BUCKET, Key=key, Body=content)
    assert client.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == content
    if size > 2:
        part = client.s3.get_object(Bucket=BUCKET, Key=key, Range="bytes=1-2")["Body"].read()
        assert part == content[1:3]
    client.s3.copy_object(Bucket=BUCKET, Key=f"{key}-copy", CopySource={"Bucket": BUCKET, "Key": key})
    client.s3.put_object(Bucket=BUCKET, Key=key, Body=b"another")
    assert client.s3.get_object(Bucket=BUCKET, Key=f"{key}-copy")["Body"].read() == content
    assert client.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == b"another"


def test_large_objects_are_kept_in_closed_files(client: Client) -> None:
    def count_files() -> int:
        return len(list(contents.new_file().parent.iterdir()))

    process, content = psutil.Process(), bytes(MAX_BYTES_IN_MEMORY + 1)
    client.s3.put_object(Bucket=BUCKET, Key="first", Body=content)
    files_before, descriptors_before = count_files(), process.num_fds()
    for index in range(20):
        client.s3.put_object(Bucket=BUCKET, Key=f"many/{index}", Body=content)
    assert process.num_fds() <= descriptors_before + 5  # other connections may have been opened
    assert count_files() == files_before + 20
    for index in range(20):
        client.s3.delete_object(Bucket=BUCKET, Key=f"many/{index}")
    assert count_files() == files_before


def test_a_request_body_does_not_outlive_its_request(client: Client) -> None:
    body = os.urandom(1 << 20)

    def count_requests() -> int:
        live_requests = [request for request in gc.get_objects() if isinstance(request, BackendRequest)]
        return sum(getattr(request, "_cached_data", None) == body for request in live_requests)

    gc.disable()  # the garbage collector must not be needed to free the request
    try:
        client.s3.put_object(Bucket=BUCKET, Key="large", Body=body)
        wait_until(lambda: not count_requests())
    finally:
        gc.enable()


OVERLAPPING_SIMULATORS = """
import os, tempfile
from stagemaker.server import BUCKET, Simulator
def folders():
    return [name for name in os.listdir(tempfile.gettempdir()) if name.startswith("stagemaker-objects-")]
assert not folders()
with Simulator() as first:
    [folder] = folders()
    with Simulator() as second:
        second.client("s3").put_object(Bucket=BUCKET, Key="large", Body=bytes(1 << 20))
    assert first.client("s3").get_object(Bucket=BUCKET, Key="large")["Body"].read() == bytes(1 << 20)
    assert folders() == [folder]
assert not folders()
with Simulator() as third:
    assert "Contents" not in third.client("s3").list_objects_v2(Bucket=BUCKET)
"""


def test_the_folder_is_removed_when_the_last_simulator_ends(tmp_path: Path) -> None:
    result = run("-c", OVERLAPPING_SIMULATORS, cwd=ROOT, TMPDIR=str(tmp_path))
    assert result.returncode == 0, result.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("size", [100, MAX_BYTES_IN_MEMORY + 100])
def test_an_object_that_is_replaced_while_it_is_read_is_read_to_its_end(client: Client, size: int) -> None:
    backend, data = s3_backends["123456789012"]["aws"], os.urandom(size)
    client.s3.put_object(Bucket=BUCKET, Key="replaced", Body=data)
    old_object = backend.get_object(BUCKET, "replaced")
    client.s3.put_object(Bucket=BUCKET, Key="replaced", Body=b"another")
    assert old_object.value == data
    assert old_object.etag == f'"{hashlib.md5(data).hexdigest()}"'
    assert client.s3.get_object(Bucket=BUCKET, Key="replaced")["Body"].read() == b"another"


@pytest.mark.parametrize("size", [100, MAX_BYTES_IN_MEMORY + 100])
def test_threads_can_read_the_same_content_independently(client: Client, size: int) -> None:
    content, data = Content(), os.urandom(size)
    content.write(data)
    content.seek(0)
    start = content.read(10)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(content.read).result() == data
    assert start + content.read(20) + content.read() == data
    content.close()
