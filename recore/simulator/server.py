"""One loopback port that answers SageMaker, and the rest of AWS around it by moto."""

import io
import json
import logging
import re
import tempfile
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

import boto3
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

from recore.simulator.errors import ServiceError
from recore.simulator.platform import Platform
from recore.simulator.resources.model import Models
from recore.simulator.resources.processing import ProcessingJobs
from recore.simulator.resources.resource import ACCOUNT, REGION, Resource
from recore.simulator.resources.tags import Tags
from recore.simulator.resources.training import TrainingJobs
from recore.simulator.resources.transform import TransformJobs
from recore.simulator.running import Jobs
from recore.simulator.sandbox import bubblewrap_works
from recore.simulator.service_model import operation_model, read_request, shape_answer
from recore.simulator.store import Store

logger = logging.getLogger(__name__)

BUCKET = f"sagemaker-{REGION}-{ACCOUNT}"
ROLE = "SageMakerRole"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/{ROLE}"
LARGEST = 4 << 20  # bytes of a control request
Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Simulator:
    """SageMaker on this machine while the context lasts; afterwards its processes and folders are gone.

    isolation: "required" (refuse to start without bubblewrap), "auto" or "off".
    Raises RuntimeError where isolation is required and the kernel does not give it.
    """

    def __init__(self, port: int = 0, isolation: str = "auto"):
        self.enforced = isolation != "off" and bubblewrap_works()
        if isolation == "required" and not self.enforced:
            raise RuntimeError(
                "isolation is required, and bubblewrap does not work here: install it, or allow user namespaces"
            )
        self._port = port

    def __enter__(self) -> "Simulator":
        self._folder = tempfile.TemporaryDirectory(prefix="recore-")
        folder = Path(self._folder.name)
        self._application = Application()
        self._server = make_server("127.0.0.1", self._port, self._application, True, request_handler=QuietHandler)
        self.port: int = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self._jobs = Jobs(folder)
        platform = Platform(Store(), self._jobs, self.client("s3"), self.client("logs"), self.enforced, folder)
        self._application.resources = [
            Models(platform.store),
            Tags(platform.store),
            TrainingJobs(platform),
            ProcessingJobs(platform),
            TransformJobs(platform),
        ]
        self._furnish(folder)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._jobs.close()
        self._server.shutdown()
        self._server.server_close()
        self._folder.cleanup()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, service: str) -> Any:
        """A boto3 client that talks to this simulator."""
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id="simulator",
            aws_secret_access_key="simulator",  # noqa: S106 - no secret: nothing checks it
        )

    def variables(self) -> dict[str, str]:
        """What a client exports so that boto3, the AWS CLI and the SageMaker SDK come here."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "simulator",
            "AWS_SECRET_ACCESS_KEY": "simulator",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "SAGEMAKER_USER_CONFIG_OVERRIDE": str(self._settings),
            "SAGEMAKER_VALIDATE_ROLE": "false",
        }

    def _furnish(self, folder: Path) -> None:
        """A bucket, a role and the SDK's settings file that names them."""
        self.client("s3").create_bucket(Bucket=BUCKET)
        trust = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        self.client("iam").create_role(RoleName=ROLE, AssumeRolePolicyDocument=policy)
        self._settings = folder / "sagemaker.yaml"
        self._settings.write_text(
            f"""SchemaVersion: "1.0"
SageMaker:
  PythonSDK:
    Modules:
      Session:
        DefaultS3Bucket: {BUCKET}
      TelemetryOptOut: true
  TrainingJob:
    RoleArn: {ROLE_ARN}
  ProcessingJob:
    RoleArn: {ROLE_ARN}
  Model:
    ExecutionRoleArn: {ROLE_ARN}
"""
        )


class Application:
    """The WSGI application: requests signed for SageMaker are ours, IAM's one question that moto lacks, all else moto's."""

    def __init__(self) -> None:
        self.resources: list[Resource] = []
        self._moto = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        signed = re.search(r"Credential=[^/]+/[^/]+/[^/]+/([^/]+)/", environ.get("HTTP_AUTHORIZATION", ""))
        service = signed[1] if signed else ""
        if service == "sagemaker" or environ.get("HTTP_X_AMZ_TARGET", "").startswith("SageMaker."):
            return self._sagemaker(environ, start_response)
        if service == "iam" and _asks_for(environ, b"Action=SimulatePrincipalPolicy"):
            return _answer(start_response, "200 OK", "text/xml", _allowed(environ))
        answer: Iterable[bytes] = self._moto(environ, start_response)
        return answer

    def _sagemaker(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        try:
            body, status = json.dumps(self._operate(environ)), "200 OK"
        except ServiceError as error:
            body = json.dumps({"__type": error.code, "message": str(error)})
            status = f"{error.status} Error"
        except Exception as error:
            logger.exception("a request failed")
            body, status = json.dumps({"__type": "InternalFailure", "message": repr(error)}), "500 Error"
        return _answer(start_response, status, "application/x-amz-json-1.1", body.encode())

    def _operate(self, environ: dict[str, Any]) -> Any:
        target = environ.get("HTTP_X_AMZ_TARGET", "")
        if not target.startswith("SageMaker."):
            path = environ.get("PATH_INFO", "")
            raise ServiceError(
                "NotImplemented", f"The simulator does not answer {path}: endpoints are not simulated", 501
            )
        operation = operation_model(target.removeprefix("SageMaker."))
        try:
            document = json.loads(_body(environ) or b"{}")
        except (ValueError, RecursionError) as error:
            raise ServiceError("SerializationException", f"The body is no JSON: {error}") from None
        request = read_request(operation, document)
        for resource in self.resources:
            if operation.name in resource.operations():
                return shape_answer(operation.output_shape, getattr(resource, operation.name)(request))
        raise ServiceError("NotImplemented", f"The simulator does not answer {operation.name}", 501)


class QuietHandler(MotoRequestHandler):
    """Requests are not printed."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        return


def _body(environ: dict[str, Any]) -> bytes:
    try:
        length = int(environ.get("CONTENT_LENGTH") or 0)
    except ValueError:
        length = -1
    if not 0 <= length <= LARGEST:
        raise ServiceError("RequestEntityTooLarge", f"A request has {LARGEST} bytes at most", 413)
    body: bytes = environ["wsgi.input"].read(length)
    return body


def _asks_for(environ: dict[str, Any], words: bytes) -> bool:
    """Whether a form's body holds the words; the body stays readable."""
    body = _body(environ)
    environ["wsgi.input"] = io.BytesIO(body)
    return words in body


def _allowed(environ: dict[str, Any]) -> bytes:
    """IAM's answer that every action asked for is allowed."""
    asked = parse_qs(environ["wsgi.input"].read().decode("utf-8", "replace"))
    names = [escape(values[0]) for key, values in sorted(asked.items()) if key.startswith("ActionNames.member.")]
    results = "".join(
        f"<member><EvalActionName>{name}</EvalActionName><EvalResourceName>*</EvalResourceName>"
        "<EvalDecision>allowed</EvalDecision><MatchedStatements/><MissingContextValues/></member>"
        for name in names
    )
    return (
        '<SimulatePrincipalPolicyResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">'
        f"<SimulatePrincipalPolicyResult><IsTruncated>false</IsTruncated><EvaluationResults>{results}</EvaluationResults>"
        "</SimulatePrincipalPolicyResult><ResponseMetadata><RequestId>simulator</RequestId></ResponseMetadata>"
        "</SimulatePrincipalPolicyResponse>"
    ).encode()


def _answer(start_response: Callable[..., Any], status: str, kind: str, body: bytes) -> Iterable[bytes]:
    start_response(status, [("Content-Type", kind), ("Content-Length", str(len(body)))])
    return [body]
