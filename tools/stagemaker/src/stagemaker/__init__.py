"""SageMaker on this machine: real jobs, endpoints, pipelines, tuning and a model registry, behind AWS's own calls.

    from stagemaker import Simulator

    with Simulator() as simulator:
        sagemaker = simulator.client("sagemaker")  # an ordinary boto3 client

What `__all__` lists is what other packages may use. A name is loaded when it is first used, because a process that
watches a job imports this package at each start, and must start fast.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stagemaker import doctor, installation, interrupts, locked, machine
    from stagemaker.archive_members import ARCHIVE_ERRORS, read_members, without_owner
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
    # what this machine can run
    "build",
    "docker_client",
    "image_exists",
    "sandbox_works",
    # what a container holds
    "CONTAINER",
    "container_packages",
    # text of jobs and of other people's files, and members of their archives
    "ARCHIVE_ERRORS",
    "format_size",
    "parse_float",
    "parse_number",
    "printable",
    "read_members",
    "without_owner",
    # a requirements.txt, as jobs read it
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
    "ARCHIVE_ERRORS": "archive_members",
    "BUCKET": "protocol.account",
    "CONTAINER": "images.family",
    "NoSandboxError": "isolation.bubblewrap",
    "REGION": "protocol.account",
    "ROLE_ARN": "protocol.account",
    "RequirementLine": "requirements_file",
    "Simulator": "server",
    "build": "isolation.containers",
    "container_packages": "images.scikit_learn",
    "docker_client": "isolation.containers",
    "format_size": "text",
    "image_exists": "isolation.containers",
    "parse_float": "text",
    "parse_number": "text",
    "printable": "text",
    "read_members": "archive_members",
    "read_requirements": "requirements_file",
    "sandbox_works": "isolation.bubblewrap",
    "without_owner": "archive_members",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(f"stagemaker.{_MODULES[name]}"), name)
    raise AttributeError(f"module 'stagemaker' has no attribute {name!r}")
