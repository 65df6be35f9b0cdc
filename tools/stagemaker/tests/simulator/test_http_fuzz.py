"""Whatever other clients send or fail to send, valid requests get a prompt response and a job keeps running.

With RECORE_FUZZ=200, the clients of each test run for ten minutes instead of 20 seconds.
"""

import socket
import statistics
import threading
import time
from collections.abc import Callable
from random import Random
from typing import Any

import psutil
import pytest
from stagemaker_support.fuzzing import TIMES, generator
from stagemaker_support.job_traces import wait_until
from stagemaker_support.simulator_client import Client, make_input, make_output
from stagemaker_support.simulator_process import simulator_process

pytestmark = pytest.mark.fuzz

DURATION_SECONDS = max(20, 3 * TIMES)
PAUSE_SECONDS = 0.2  # between rounds of valid requests
# The maximum time for a valid request. A busy machine alone can delay a request for almost as long.
MAX_REQUEST_SECONDS = 5
BUCKET = "sagemaker-us-east-1-123456789012"
CONTENT = b"0123456789abcdef" * (1 << 16)  # the job's input and output
JOB_SCRIPT = f"""
import os, shutil, time
folder = os.environ["SAGEMAKER_BASE_DIR"] + "/processing"
time.sleep({DURATION_SECONDS / 2})
shutil.copy(folder + "/input/i/file", folder + "/output/o/file")
"""
S3 = "Authorization: AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
SAGEMAKER = S3.replace("/s3/", "/sagemaker/")
METHODS = ("GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS", "PATCH", "get", "BREW", "")
PATHS = (
    "/", "/bucket/key", "/sagemaker-us-east-1-123456789012/k", "/endpoints/e/invocations", "/%00", "//", "*",
    "//%65ndpoints/e/invocations", "http://127.0.0.1/endpoints/e/invocations", "/" * 3000,
)  # fmt: skip
HEADERS = (
    S3, SAGEMAKER, "X-Amz-Target: SageMaker.ListModels", "X-Amz-Target: SageMaker." + "x" * 500,
    "Content-Type: application/x-amz-json-1.1", "Content-Type: application/x-www-form-urlencoded",
    "Transfer-Encoding: chunked", "Transfer-Encoding: gzip, chunked", "Content-Encoding: aws-chunked",
    "X-Amz-Content-Sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER", "X-Amz-Decoded-Content-Length: 5",
    "Content-Length: 5", "Content-Length: -1", "Content-Length: 99999999999999999999",
    "Content-Length: 5\r\nContent-Length: 6", "Expect: 100-continue", "Connection: upgrade", "Range: bytes=5-1",
    "X: " + "y" * 100_000, "no colon", "\x00: \xff",
)  # fmt: skip
BODIES = (
    b"", b"{}", b"{", b"hello", b"400000\r\nxx", b"5\r\nhello\r\n0\r\n\r\n", b"zz\r\nhello", b"ffffffffffffffff\r\n",
    b"5;chunk-signature=0\r\nhello\r\n0;chunk-signature=0\r\n\r\n", b"[" * 100_000, b"<Delete>" * 1000, b"\xff" * 1000,
)  # fmt: skip

Misbehaviour = Callable[[socket.socket, Random, threading.Event], None]


def make_request(connection: socket.socket, rng: Random) -> bytes:
    """Return a request with some invalid parts and the correct Host header."""
    request_line = f"{rng.choice(METHODS)} {rng.choice(PATHS)} {rng.choice(('HTTP/1.1', 'HTTP/1.0', 'HTTP/9', ''))}"
    lines = [request_line, f"Host: 127.0.0.1:{connection.getpeername()[1]}", *rng.sample(HEADERS, rng.randrange(6))]
    request = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + rng.choice(BODIES)
    if rng.random() < 0.2:
        position = rng.randrange(len(request))
        request = request[:position] + rng.randbytes(rng.randrange(1, 50)) + request[position + rng.randrange(5) :]
    return request


def send_and_close(connection: socket.socket, rng: Random, ended: threading.Event) -> None:
    request = make_request(connection, rng)
    connection.sendall(request[: rng.randrange(len(request) + 1)])


def send_many(connection: socket.socket, rng: Random, ended: threading.Event) -> None:
    """Send several requests without waiting for responses, which are read only in half of the cases."""
    connection.sendall(b"".join(make_request(connection, rng) for _ in range(rng.randrange(1, 20))))
    if rng.random() < 0.5:
        connection.recv(1 << 16)


def send_slowly(connection: socket.socket, rng: Random, ended: threading.Event) -> None:
    for byte in make_request(connection, rng)[:200]:
        connection.sendall(bytes([byte]))
        if ended.wait(0.05):
            return


def send_nothing(connection: socket.socket, rng: Random, ended: threading.Event) -> None:
    ended.wait(rng.random() * 5)


def send_half(connection: socket.socket, rng: Random, ended: threading.Event) -> None:
    request = make_request(connection, rng)
    connection.sendall(request[: len(request) // 2])
    ended.wait()


def reset(connection: socket.socket, rng: Random, ended: threading.Event) -> None:
    connection.sendall(make_request(connection, rng))
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")


def misbehave(port: int, rng: Random, ended: threading.Event, behaviours: tuple[Misbehaviour, ...]) -> None:
    while not ended.is_set():
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
                rng.choice(behaviours)(connection, rng, ended)
        except OSError:  # the server may close a connection at any time
            ended.wait(0.01)


# For each test, the number of clients and their behaviours; every fifth client sends half a request instead.
CROWDS: dict[str, tuple[int, tuple[Misbehaviour, ...]]] = {
    "malformed": (5, (send_and_close, send_many, reset)),
    "slow, silent and half-open, 300 at once": (300, (send_slowly, send_nothing)),
    "all together": (60, (send_and_close, send_many, send_slowly, send_nothing, reset)),
}


def valid_requests(client: Client) -> list[Callable[[], Any]]:
    def get() -> None:
        assert client.get(f"s3://{BUCKET}/valid") == b"body"

    return [client.sagemaker.list_models, lambda: client.put("valid", b"body"), get]


def time_request(request: Callable[[], Any]) -> float:
    start = time.monotonic()
    request()
    return time.monotonic() - start


@pytest.mark.timing
@pytest.mark.parametrize(("count", "behaviours"), CROWDS.values(), ids=CROWDS.keys())
def test_valid_requests_get_a_response_within_a_second(count: int, behaviours: tuple[Misbehaviour, ...]) -> None:
    with simulator_process() as simulator:
        process = psutil.Process(simulator.process.pid)
        client = Client(simulator)
        client.process("print('warm')")
        files, threads = process.num_fds(), process.num_threads()
        folders = make_input(client.put("input/file", CONTENT)) | make_output(f"s3://{BUCKET}/output")
        job = client.process(JOB_SCRIPT, wait=False, seconds=int(DURATION_SECONDS) + 120, **folders)
        ended, rounds = threading.Event(), []
        seeds = generator("clients")
        crowd = []
        for index in range(count):
            rng, chosen = Random(seeds.getrandbits(64)), behaviours if index % 5 else (send_half,)
            crowd.append(threading.Thread(target=misbehave, args=(simulator.port, rng, ended, chosen)))
        for member in crowd:
            member.start()
        try:
            deadline = time.monotonic() + DURATION_SECONDS
            while time.monotonic() < deadline:
                rounds.append([time_request(request) for request in valid_requests(client)])
                time.sleep(PAUSE_SECONDS)
        finally:
            ended.set()
            for member in crowd:
                member.join()
        job = client.wait("ProcessingJob", job["ProcessingJobName"], DURATION_SECONDS + 120)
        assert job["ProcessingJobStatus"] == "Completed", job
        assert client.get(f"s3://{BUCKET}/output/file") == CONTENT
        means = [statistics.mean(durations) for durations in rounds]
        slowest = max(statistics.median(neighbours) for neighbours in zip(means, means[1:], means[2:], strict=False))
        assert slowest < 1, f"valid requests took {slowest:.2f} s on average"
        longest = max(map(max, rounds))
        assert longest < MAX_REQUEST_SECONDS, f"a valid request took {longest:.2f} s"
        wait_until(lambda: process.num_fds() <= files + 10 and process.num_threads() <= threads + 5, 30)
