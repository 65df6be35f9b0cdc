"""The other AWS services: moto, extended. Only this package imports moto.

Only the services in SERVICES are available. moto's other services run containers (Batch, Lambda), connect to addresses
that a caller chooses (SNS, Firehose) or create resources of any service (CloudFormation).

The first request to one of these services imports this package, which takes a second. The import changes moto for the
rest of the process: subclasses of its backends are put into its registries and, where moto has no hook, `_install`
replaces names in its modules. This relies on moto's internals, which any release may change, so `test_private_parts.py`
pins the version.
"""

import json
import re
from functools import cache, cached_property
from types import SimpleNamespace
from typing import Any

import moto.core.base_backend
import moto.core.utils
import moto.s3.models
from moto.cloudwatch.models import cloudwatch_backends
from moto.core.common_models import BaseModel
from moto.core.request import PRESERVED_HEADER_NAMES_ENVIRON_KEY
from moto.ecr.models import ecr_backends
from moto.events.models import EventsBackend, events_backends
from moto.iam.aws_managed_policies import aws_managed_policies_data
from moto.iam.models import AWSManagedPolicy, IAMBackend, ManagedPolicy, iam_backends
from moto.logs.models import logs_backends
from moto.moto_api._internal.models import moto_api_backend
from moto.moto_server.werkzeug_app import create_backend_app
from moto.s3.models import FakeDeleteMarker, FakeKey, s3_backends
from moto.sts.models import sts_backends

from stagemaker.protocol.account import ACCOUNT, REGION
from stagemaker.protocol.errors import unsupported
from stagemaker.protocol.session import simulator_botocore_session, simulator_session
from stagemaker.services.moto_inside.cloudwatch import CloudWatch
from stagemaker.services.moto_inside.cloudwatch_logs import Logs
from stagemaker.services.moto_inside.patterns import ECR, replace_expressions
from stagemaker.services.moto_inside.s3 import S3, WatchedKeys, make_s3_bucket
from stagemaker.services.s3_contents import Content

TARGET = re.compile("arn:[^:]+:(logs:[^:]*:[^:]*:log-group:|events:[^:]*:::$)")  # the second is an archive in moto
INPUT_PATH = re.compile(r"""\$(\.[\w-]+|\[\d+\]|\['[^'\]]*'\]|\["[^"\]]*"\])*""")  # others could take very long
SERVICES = {  # moto's names of the available services, by the names for which clients sign requests
    "ecr": "ecr",
    "events": "events",
    "iam": "iam",
    "kms": "kms",
    "logs": "logs",
    "monitoring": "cloudwatch",
    "s3": "s3",
    "sts": "sts",
}
PARTITION = "aws"
SESSION_SECONDS = 3600
# the key of the WSGI environment under which moto expects the original names of headers with an underscore
UNDERSCORED_NAMES = PRESERVED_HEADER_NAMES_ENVIRON_KEY
LISTED_TIME = property(lambda item: item.last_modified.replace(microsecond=0))  # moto would format and parse it


class Events(EventsBackend):
    """EventBridge, which delivers events only to log groups and archives inside the simulator."""

    __module__ = EventsBackend.__module__

    def put_targets(self, name: str, event_bus_arn: str | None, targets: list[dict[str, Any]]) -> None:
        for target in targets:
            if not TARGET.match(target["Arn"]):
                raise unsupported(f"the target {target['Arn'][:200]}", "only log groups can be targets of a rule")
            for path in target.get("InputTransformer", {}).get("InputPathsMap", {}).values():
                if not INPUT_PATH.fullmatch(path):
                    raise unsupported(f"the path {path[:200]}", "a path can only contain names and numbers")
        super().put_targets(name, event_bus_arn, targets)

    def list_rules(self, prefix: str | None = None, **members: Any) -> Any:  # type: ignore[override]
        return super().list_rules(prefix=None if prefix is None else re.escape(prefix), **members)

    def create_connection(self, *arguments: Any, **members: Any) -> Any:
        raise unsupported("CreateConnection", "events are not sent to other hosts")

    def create_api_destination(self, *arguments: Any, **members: Any) -> Any:
        raise unsupported("CreateApiDestination", "events are not sent to other hosts")


class IAM(IAMBackend):
    """IAM with AWS's managed policies, which are loaded when first needed, because this takes a second."""

    __module__ = IAMBackend.__module__

    def __init__(self, region_name: str, account_id: str):
        super().__init__(region_name, account_id)
        del self.aws_managed_policies, self.managed_policies

    @cached_property
    def aws_managed_policies(self) -> list[ManagedPolicy]:  # type: ignore[override]
        policies = json.loads(aws_managed_policies_data).items()
        return [AWSManagedPolicy.from_data(name, self.account_id, self.region_name, data) for name, data in policies]

    @cached_property
    def managed_policies(self) -> dict[str, ManagedPolicy]:  # type: ignore[override]
        return self._init_managed_policies()


def _install() -> None:
    # moto's sessions would fail if the user's configuration were invalid
    moto.core.base_backend.Session = simulator_session  # type: ignore[attr-defined]
    moto.core.utils.Session = simulator_botocore_session  # type: ignore[attr-defined]
    BaseModel.__new__ = staticmethod(lambda kind, *_, **__: object.__new__(kind))  # type: ignore[assignment]
    moto.s3.models._VersionedKeyStore = WatchedKeys  # type: ignore[attr-defined, assignment]
    moto.s3.models.tempfile = SimpleNamespace(SpooledTemporaryFile=Content)  # type: ignore[attr-defined, assignment]
    for kind in (FakeKey, FakeDeleteMarker):
        kind.last_modified_ISO8601 = LISTED_TIME  # type: ignore[method-assign, assignment]
    replace_expressions()
    cloudwatch_backends.backend = CloudWatch
    ecr_backends.backend = ECR
    events_backends.backend = Events
    iam_backends.backend = IAM
    logs_backends.backend = Logs
    s3_backends.backend = S3


_install()


def create_role(name: str, policy: str) -> None:
    backend = iam_backends[ACCOUNT][PARTITION]
    if all(role.name != name for role in backend.roles.values()):
        backend.create_role(name, policy, "/", None, "", [], None)


def create_session(role_arn: str, name: str, credentials: dict[str, str]) -> None:
    """Create a session of a role. credentials: the Credentials from AssumeRole's response."""
    session = sts_backends[ACCOUNT][PARTITION].assume_role(REGION, name, role_arn, "", SESSION_SECONDS, "")
    session.access_key.access_key_id = session.access_key_id = credentials["AccessKeyId"]
    session.access_key.secret_access_key = session.secret_access_key = credentials["SecretAccessKey"]
    session.session_token = credentials["SessionToken"]


def create_bucket(name: str) -> None:
    make_s3_bucket(name, ACCOUNT, PARTITION, REGION)


def reset(access_key: str = "") -> None:
    """Delete all stored data of the services, except for the role session with this access key."""
    sessions = sts_backends[ACCOUNT][PARTITION].assumed_roles
    kept_sessions = [session for session in sessions if session.access_key_id == access_key]
    moto_api_backend.reset()
    sts_backends[ACCOUNT][PARTITION].assumed_roles += kept_sessions


@cache
def application(service: str) -> Any:
    """Return moto's WSGI application for a service in SERVICES. It does not catch unexpected exceptions.

    Flask's debug mode, which keeps past requests in memory, is disabled.
    """
    application = create_backend_app(SERVICES[service])  # type: ignore[arg-type]
    application.config |= {"DEBUG": False, "PROPAGATE_EXCEPTIONS": True}
    return application
