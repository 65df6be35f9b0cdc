"""One loopback port that answers SageMaker, and the rest of AWS around it by moto, while it lasts."""

import contextlib
import json
import socket
import tempfile
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

import boto3
from moto.moto_api._internal.models import moto_api_backend
from werkzeug.serving import make_server

from recore import locked
from recore.simulator import sockets
from recore.simulator.application import Application, QuietHandler
from recore.simulator.platform import Platform
from recore.simulator.resources.model import Models
from recore.simulator.resources.processing import ProcessingJobs
from recore.simulator.resources.resource import ACCOUNT, REGION
from recore.simulator.resources.tags import Tags
from recore.simulator.resources.training import TrainingJobs
from recore.simulator.resources.transform import TransformJobs
from recore.simulator.running import Jobs, remove
from recore.simulator.sandbox import Bubblewrap, NoWalls, Walls, bubblewrap_works
from recore.simulator.state import State
from recore.simulator.store import Store

BUCKET = f"sagemaker-{REGION}-{ACCOUNT}"
ROLE = "SageMakerRole"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/{ROLE}"


class Simulator:
    """SageMaker on this machine while the context lasts; afterwards its processes and folders are gone.

    engine: "process" or "docker", where jobs are containers.
    isolation: of processes: "required" (refuse to start without bubblewrap), "auto" or "off".
    state: a folder in which S3's objects and the records outlive the simulator; without it nothing does.
    Raises OSError where isolation is required and the kernel does not give it, no Docker engine answers, or the folder
    is in use.
    """

    _alive = 0  # simulators in this process: moto keeps its services in one place for all of them

    def __init__(
        self, port: int = 0, isolation: str = "auto", state: Path | None = None, engine: str = "process"
    ) -> None:
        self.walls = _walls(engine, isolation)
        self._port = port
        self._state = State(state) if state else None

    def __enter__(self) -> "Simulator":
        with contextlib.ExitStack() as ends:  # last first, and each even where one before it was interrupted
            self._start(ends)
            self._ends = ends.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ends.close()

    def _start(self, ends: contextlib.ExitStack) -> None:
        """Start it; each step adds to the stack how it is undone, also where a later one fails."""
        if self._state:
            ends.callback(self._state.close)
        self.folder, lock = locked.make(Path(tempfile.gettempdir()), "recore-jobs-", "")
        ends.callback(lock.close)
        ends.callback(remove, self.folder)
        sockets_folder, lock = sockets.make()
        ends.callback(lock.close)
        ends.callback(remove, sockets_folder)
        # our own socket: on a port that is taken, werkzeug would end the whole program
        listening = ends.enter_context(socket.create_server(("127.0.0.1", self._port), backlog=128))
        self.port: int = listening.getsockname()[1]
        self._jobs = Jobs(self.folder, sockets_folder)
        store = Store(self._state.records if self._state else None)
        s3, logs, cloudwatch = (self.client(service) for service in ("s3", "logs", "cloudwatch"))
        platform = Platform(store, self._jobs, s3, logs, cloudwatch, self.walls, self.folder)
        jobs = [kind(platform) for kind in (TrainingJobs, ProcessingJobs, TransformJobs)]
        application = Application([Models(store), Tags(store), *jobs])
        answer = self._state.write_through(application) if self._state else application
        if not Simulator._alive:
            moto_api_backend.reset()
        Simulator._alive += 1
        ends.callback(_one_less)
        server = make_server(
            "127.0.0.1", self.port, answer, threaded=True, request_handler=QuietHandler, fd=listening.fileno()
        )
        ends.callback(server.server_close)
        # how long the end waits for it: by default half a second
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        ends.callback(server.shutdown)
        ends.callback(self._jobs.close)  # while the server still answers: jobs write to S3 and to the logs
        if self._state:
            self._state.restore(self.client("s3"))
        self._furnish(self.folder)

    @property
    def enforced(self) -> bool:
        """Whether jobs are kept apart, and not just asked to be."""
        return self.walls.enforced

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
        iam = self.client("iam")
        with contextlib.suppress(iam.exceptions.EntityAlreadyExistsException):  # of another simulator in this process
            iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=policy)
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


def _one_less() -> None:
    Simulator._alive -= 1


def _walls(engine: str, isolation: str) -> Walls:
    if engine == "docker":
        from recore.simulator.containers import Docker  # where it is not asked for, it need not be there

        return Docker()
    works = isolation != "off" and bubblewrap_works()
    if isolation == "required" and not works:
        raise OSError("isolation is required, and bubblewrap does not work here: install it, or allow user namespaces")
    return Bubblewrap() if works else NoWalls()
