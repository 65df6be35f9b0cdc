"""SageMaker simulated locally: real jobs, endpoints, pipelines, tuning and a model registry, behind AWS's own API.

    from stagemaker import Simulator

    with Simulator() as simulator:
        sagemaker = simulator.client("sagemaker")  # an ordinary boto3 client

`__all__` lists the public API. Each name is loaded when it is first used, because every process that supervises a job
imports this package and must start quickly.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stagemaker import doctor, installation, interrupts, locked, machine
    from stagemaker.archive_members import ARCHIVE_ERRORS, read_members, remove_owner
    from stagemaker.container.pip_wheels import INDEX_FAULT
    from stagemaker.images.family import CONTAINER
    from stagemaker.images.scikit_learn import container_packages
    from stagemaker.isolation.bubblewrap import NoSandboxError, sandbox_works
    from stagemaker.isolation.containers import build, docker_client, image_exists
    from stagemaker.protocol.account import BUCKET, REGION, ROLE_ARN
    from stagemaker.requirements_file import RequirementLine, read_requirements
    from stagemaker.server import Simulator
    from stagemaker.text import format_size, parse_float, parse_number, printable

__all__ = [  # noqa: RUF022 - by purpose
    # a simulator in this process
    "BUCKET",
    "NoSandboxError",
    "REGION",
    "ROLE_ARN",
    "Simulator",
    # checks of Docker and of the sandbox
    "build",
    "docker_client",
    "image_exists",
    "sandbox_works",
    # contents of a container
    "CONTAINER",
    "INDEX_FAULT",
    "container_packages",
    # strings and archives from jobs and other untrusted sources
    "ARCHIVE_ERRORS",
    "format_size",
    "parse_float",
    "parse_number",
    "printable",
    "read_members",
    "remove_owner",
    # requirements.txt, as jobs read it
    "RequirementLine",
    "read_requirements",
    # modules
    "doctor",
    "installation",
    "interrupts",
    "locked",
    "machine",
]
_MODULES = {
    "archive_members": ("ARCHIVE_ERRORS", "read_members", "remove_owner"),
    "container.pip_wheels": ("INDEX_FAULT",),
    "images.family": ("CONTAINER",),
    "images.scikit_learn": ("container_packages",),
    "isolation.bubblewrap": ("NoSandboxError", "sandbox_works"),
    "isolation.containers": ("build", "docker_client", "image_exists"),
    "protocol.account": ("BUCKET", "REGION", "ROLE_ARN"),
    "requirements_file": ("RequirementLine", "read_requirements"),
    "server": ("Simulator",),
    "text": ("format_size", "parse_float", "parse_number", "printable"),
}


def __getattr__(name: str) -> Any:
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(f"stagemaker.{module}"), name)
    raise AttributeError(f"module 'stagemaker' has no attribute {name!r}")
