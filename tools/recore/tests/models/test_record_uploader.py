"""Which records the uploader drops and which it keeps. The tests control its pauses."""

import os
from collections.abc import Callable

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from stagemaker_support.simulator_client import Client, numbers

from recore.model.record_uploader import MOST_ATTEMPTS, RecordWriter, UploadDeadline, is_about_the_record
from stagemaker.server import BUCKET

Step = Callable[[], object]


class Steps(UploadDeadline):
    """A deadline that takes the next step instead of pausing."""

    def __init__(self) -> None:
        super().__init__(60)
        self.remaining: list[Step] = []

    def wait(self, seconds: float) -> None:
        self.remaining.pop(0)()


def do_nothing() -> None:
    pass


def test_a_record_refused_for_its_content_is_dropped(
    connected_client: Client, capfd: pytest.CaptureFixture[str]
) -> None:
    """The record is dropped even if no other record is written."""
    steps = Steps()
    steps.remaining = [do_nothing] * (MOST_ATTEMPTS - 1)
    RecordWriter(steps).write(BUCKET, "refused by moto\n", b"{}")
    assert steps.remaining == []
    assert "is lost because it could not be written: ClientError" in capfd.readouterr().err


def test_failures_during_an_outage_do_not_count(connected_client: Client, capfd: pytest.CaptureFixture[str]) -> None:
    """However many attempts fail, the record is kept: only refusals while other records are written count."""
    bucket, steps = f"outage-{next(numbers)}-{os.getpid()}", Steps()
    writer = RecordWriter(steps)
    first_steps = [do_nothing] * MOST_ATTEMPTS + [lambda: writer.write(BUCKET, f"other/{bucket}", b"{}")]
    steps.remaining = [*first_steps, do_nothing, lambda: connected_client.s3.create_bucket(Bucket=bucket)]
    writer.write(bucket, "record", b"{}")
    assert steps.remaining == []
    assert connected_client.get(f"s3://{bucket}/record") == b"{}"
    assert "is lost" not in capfd.readouterr().err


def test_a_record_refused_while_others_are_accepted_is_dropped(
    connected_client: Client, capfd: pytest.CaptureFixture[str]
) -> None:
    bucket, steps = f"never-{next(numbers)}-{os.getpid()}", Steps()
    writer = RecordWriter(steps)
    steps.remaining = [lambda: writer.write(BUCKET, f"other/{bucket}", b"{}")] * MOST_ATTEMPTS
    writer.write(bucket, "record", b"{}")
    assert steps.remaining == []
    reason = f"could not be written: the bucket {bucket} does"
    assert f"s3://{bucket}/record is lost because it {reason}" in capfd.readouterr().err


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
def test_errors_about_a_record_are_recognised(code: str, status: int, expected: bool) -> None:
    error = ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "PutObject")
    assert is_about_the_record(error) is expected
    assert is_about_the_record(EndpointConnectionError(endpoint_url="http://s3")) is False
