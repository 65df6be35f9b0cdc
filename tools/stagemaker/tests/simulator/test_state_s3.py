"""Every change to S3 is stored in the state folder before the response is sent, and survives a restart."""

import contextlib
import http.client
import json
import urllib.parse
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from stagemaker_support.state import SimulatorProcess, Snapshot, objects_of, running, stored_objects

LARGE_BODY = b"large " * 20_000  # large enough for a separate file


class ChangeCase:
    def __init__(self, simulator: SimulatorProcess, folder: Path, bucket: str):
        self.simulator, self.folder, self.bucket = simulator, folder, bucket
        self.s3 = simulator.client("s3")
        self.s3.create_bucket(Bucket=bucket)

    def send(self, method: str, path: str, body: bytes = b"", **headers: str) -> int:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.simulator.port, timeout=20)) as connection:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            return connection.getresponse().status


def put(case: ChangeCase) -> Snapshot:
    case.s3.put_object(Bucket=case.bucket, Key="a", Body=b"1")
    case.s3.put_object(Bucket=case.bucket, Key="b", Body=LARGE_BODY)
    return {case.bucket: {"a": b"1", "b": LARGE_BODY}}


def upload_in_parts(case: ChangeCase) -> Snapshot:
    case.s3.put_object(Bucket=case.bucket, Key="source", Body=b"s")
    abandoned_upload = case.s3.create_multipart_upload(Bucket=case.bucket, Key="abandoned")["UploadId"]
    case.s3.upload_part(Bucket=case.bucket, Key="abandoned", UploadId=abandoned_upload, PartNumber=1, Body=b"x")
    case.s3.abort_multipart_upload(Bucket=case.bucket, Key="abandoned", UploadId=abandoned_upload)
    upload = {"Bucket": case.bucket, "Key": "whole"}
    upload["UploadId"] = case.s3.create_multipart_upload(**upload)["UploadId"]
    parts = [case.s3.upload_part(**upload, PartNumber=1, Body=b"x" * (5 << 20))]
    source = {"Bucket": case.bucket, "Key": "source"}
    parts.append(case.s3.upload_part_copy(**upload, PartNumber=2, CopySource=source)["CopyPartResult"])
    numbered_parts = [{"ETag": part["ETag"], "PartNumber": index} for index, part in enumerate(parts, 1)]
    case.s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": numbered_parts})
    return {case.bucket: {"source": b"s", "whole": b"x" * (5 << 20) + b"s"}}


def put_with_a_presigned_url(case: ChangeCase) -> Snapshot:
    for method, key in (("put_object", "stays"), ("put_object", "goes"), ("delete_object", "goes")):
        url = case.s3.generate_presigned_url(method, Params={"Bucket": case.bucket, "Key": key})
        parts = urllib.parse.urlsplit(url)
        case.send(method.partition("_")[0].upper(), f"{parts.path}?{parts.query}", b"1")
    return {case.bucket: {"stays": b"1"}}


def post_a_form(case: ChangeCase) -> Snapshot:
    form = case.s3.generate_presigned_post(case.bucket, "from a form")
    parts = [
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in form["fields"].items()
    ]
    parts.append('--x\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n1\r\n--x--\r\n')
    path = urllib.parse.urlsplit(form["url"]).path
    assert case.send("POST", path, "".join(parts).encode(), Content_Type="multipart/form-data; boundary=x") == 204
    return {case.bucket: {"from a form": b"1"}}


def address_the_bucket_by_host(case: ChangeCase) -> Snapshot:
    host = f"{case.bucket}.localhost:{case.simulator.port}"
    assert case.send("PUT", "/by%20host/%C3%BC", b"1", Host=host) == 200
    assert case.send("PUT", "/goes", b"1", Host=host) == 200
    signature = "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
    assert case.send("DELETE", "/goes", Host=host, Authorization=signature) == 204
    return {case.bucket: {"by host/ü": b"1"}}


def send_in_signed_chunks(case: ChangeCase) -> Snapshot:
    body = b"3;chunk-signature=0\r\nabc\r\n0;chunk-signature=0\r\n\r\n"
    headers = {"x_amz_content_sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "x_amz_decoded_content_length": "3"}
    assert case.send("PUT", f"/{case.bucket}/chunks", body, **headers, Content_Encoding="aws-chunked") == 200
    return {case.bucket: {"chunks": b"abc"}}


def delete_and_recreate_a_bucket(case: ChangeCase) -> Snapshot:
    for body in (b"1", LARGE_BODY, b"2"):
        case.s3.create_bucket(Bucket="again")
        case.s3.put_object(Bucket="again", Key=str(len(body)), Body=body)
        if body != b"2":
            case.s3.delete_object(Bucket="again", Key=str(len(body)))
            case.s3.delete_bucket(Bucket="again")
    case.s3.create_bucket(Bucket="empty")
    return {case.bucket: {}, "again": {"1": b"2"}, "empty": {}}


def keep_versions(case: ChangeCase) -> Snapshot:
    case.s3.put_bucket_versioning(Bucket=case.bucket, VersioningConfiguration={"Status": "Enabled"})
    versions = {}
    for key in ("deleted", "back", "older"):
        versions[key] = [
            case.s3.put_object(Bucket=case.bucket, Key=key, Body=body)["VersionId"] for body in (b"1", b"2")
        ]
    for key in ("deleted", "back"):
        marker = case.s3.delete_object(Bucket=case.bucket, Key=key)["VersionId"]
    case.s3.delete_object(Bucket=case.bucket, Key="back", VersionId=marker)
    case.s3.delete_object(Bucket=case.bucket, Key="older", VersionId=versions["older"][1])
    return {case.bucket: {"back": b"2", "older": b"1"}}


def use_a_bucket_in_another_region(case: ChangeCase) -> Snapshot:
    case.s3.create_bucket(Bucket="elsewhere", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    case.s3.put_object(Bucket="elsewhere", Key="a", Body=b"1")
    return {case.bucket: {}, "elsewhere": {"a": b"1"}}


def client_for_another_account(simulator: SimulatorProcess) -> Any:
    role = {"RoleArn": "arn:aws:iam::222233334444:role/other", "RoleSessionName": "other"}
    credentials = simulator.client("sts").assume_role(**role)["Credentials"]
    return simulator.client(
        "s3",
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
    )


def use_another_account(case: ChangeCase) -> Snapshot:
    s3 = client_for_another_account(case.simulator)
    s3.create_bucket(Bucket="of-another-account")
    s3.put_object(Bucket="of-another-account", Key="a", Body=b"1")
    return {case.bucket: {}, "of-another-account": {"a": b"1"}}


def export_logs(case: ChangeCase) -> Snapshot:
    logs = case.simulator.client("logs")
    logs.create_log_group(logGroupName="group")
    logs.create_export_task(logGroupName="group", fromTime=0, to=2_000_000_000_000, destination=case.bucket)
    objects = stored_objects(case.folder)[case.bucket]
    assert objects  # CloudWatch Logs stored them without a request to S3
    return {case.bucket: objects}


def log_access(case: ChangeCase) -> Snapshot:
    case.s3.create_bucket(Bucket="access-logs")
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "logging.s3.amazonaws.com"},
        "Action": ["s3:PutObject"],
        "Resource": "arn:aws:s3:::access-logs/*",
    }
    case.s3.put_bucket_policy(Bucket="access-logs", Policy=json.dumps({"Statement": [statement]}))
    target = {"LoggingEnabled": {"TargetBucket": "access-logs", "TargetPrefix": "log-"}}
    case.s3.put_bucket_logging(Bucket=case.bucket, BucketLoggingStatus=target)
    case.s3.list_objects_v2(Bucket=case.bucket)
    objects = stored_objects(case.folder)["access-logs"]
    assert objects  # the request to list the objects was logged
    return {case.bucket: {}, "access-logs": objects}


CHANGES = [
    put,
    upload_in_parts,
    put_with_a_presigned_url,
    post_a_form,
    address_the_bucket_by_host,
    send_in_signed_chunks,
    delete_and_recreate_a_bucket,
    keep_versions,
    use_a_bucket_in_another_region,
    use_another_account,
    export_logs,
    log_access,
]


def test_every_kind_of_change_to_s3_survives_a_kill(tmp_path: Path) -> None:
    expected: Snapshot = {}
    with running("--state", tmp_path) as simulator:
        for index, change in enumerate(CHANGES):
            expected |= change(ChangeCase(simulator, tmp_path, f"change-{index}"))
            assert stored_objects(tmp_path) == expected, change.__name__
        large_count = sum(len(content) > 65536 for objects in expected.values() for content in objects.values())
        assert len(list((tmp_path / "s3").iterdir())) == large_count
        objects_of_other_account = expected.pop("of-another-account")
    with running("--state", tmp_path) as simulator:
        assert objects_of(simulator.client("s3")) == expected
        assert objects_of(client_for_another_account(simulator)) == {"of-another-account": objects_of_other_account}


def test_a_change_that_could_not_be_written_is_written_with_the_next_one_or_at_the_end(tmp_path: Path) -> None:
    expected = {"retried": {"large": LARGE_BODY, "small": b"1"}}
    with running("--state", tmp_path) as simulator:
        s3 = ChangeCase(simulator, tmp_path, "retried").s3

        def fail_to_put(key: str) -> None:
            (tmp_path / "s3").rename(tmp_path / "away")
            with pytest.raises(ClientError, match="could not be read or written"):
                s3.put_object(Bucket="retried", Key=key, Body=LARGE_BODY)
            (tmp_path / "away").rename(tmp_path / "s3")

        fail_to_put("large")
        s3.put_object(Bucket="retried", Key="small", Body=b"1")
        assert stored_objects(tmp_path) == expected
        fail_to_put("last")
        assert stored_objects(tmp_path) == expected
        simulator.end()
    expected["retried"]["last"] = LARGE_BODY
    assert stored_objects(tmp_path) == expected
