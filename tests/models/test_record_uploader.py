"""Which records the uploader drops and which it keeps. The tests control its pauses."""

import os
from collections.abc import Callable

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from support.simulator_client import Client, numbers

from recore.model.record_uploader import MOST_ATTEMPTS, RecordWriter, UploadDeadline, is_about_the_record
from recore.simulator.server import BUCKET

Step = Callable[[], object]


class Steps(UploadDeadline):
    """A deadline that takes the next step instead of pausing."""

    def __init__(self) -> None:
        super().__init__(60)
        self.left: list[Step] = []

    def wait(self, seconds: float) -> None:
        self.left.pop(0)()


def nothing() -> None:
    pass


def test_a_record_that_s3_refuses_because_of_its_content(connected: Client, capfd: pytest.CaptureFixture[str]) -> None:
    """The record is dropped, although no other record is written."""
    steps = Steps()
    steps.left = [nothing] * (MOST_ATTEMPTS - 1)
    RecordWriter(steps).write(BUCKET, "moto does not take\n", b"{}")
    assert steps.left == []
    assert "is lost because it cannot be written: ClientError" in capfd.readouterr().err


def test_failures_of_an_outage_do_not_count(connected: Client, capfd: pytest.CaptureFixture[str]) -> None:
    """However many failures there are, the record is kept; only refusals while other records are written count."""
    bucket, steps = f"outage-{next(numbers)}-{os.getpid()}", Steps()
    writer = RecordWriter(steps)
    other = [nothing] * MOST_ATTEMPTS + [lambda: writer.write(BUCKET, f"other/{bucket}", b"{}")]
    steps.left = [*other, nothing, lambda: connected.s3.create_bucket(Bucket=bucket)]
    writer.write(bucket, "record", b"{}")
    assert steps.left == []
    assert connected.get(f"s3://{bucket}/record") == b"{}"
    assert "is lost" not in capfd.readouterr().err


def test_a_record_that_s3_refuses_while_it_accepts_others(connected: Client, capfd: pytest.CaptureFixture[str]) -> None:
    bucket, steps = f"never-{next(numbers)}-{os.getpid()}", Steps()
    writer = RecordWriter(steps)
    steps.left = [lambda: writer.write(BUCKET, f"other/{bucket}", b"{}")] * MOST_ATTEMPTS
    writer.write(bucket, "record", b"{}")
    assert steps.left == []
    assert (
        f"s3://{bucket}/record is lost because it cannot be written: the bucket {bucket} does" in capfd.readouterr().err
    )


@pytest.mark.parametrize(
    ("code", "status", "expected"),
    [
        ("400", 400, True),
        ("KeyTooLongError", 400, True),
        ("EntityTooLarge", 400, True),
        ("MethodNotAllowed", 405, True),
        ("ExpiredToken", 400, False),
        ("RequestTimeout", 400, False),
        ("KMS.DisabledException", 400, False),
        ("AccessDenied", 403, False),
        ("403", 403, False),
        ("SignatureDoesNotMatch", 403, False),
        ("RequestTimeTooSkewed", 403, False),
        ("NoSuchBucket", 404, False),
        ("OperationAborted", 409, False),
        ("TooManyRequests", 429, False),
        ("InternalError", 500, False),
        ("SlowDown", 503, False),
    ],
)
def test_errors_about_a_record(code: str, status: int, expected: bool) -> None:
    error = ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "PutObject")
    assert is_about_the_record(error) is expected


def test_an_error_of_the_network_is_not_about_a_record() -> None:
    assert is_about_the_record(EndpointConnectionError(endpoint_url="http://s3")) is False
