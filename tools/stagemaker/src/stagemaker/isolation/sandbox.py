"""A job's view of the host, and the base class of the isolation methods.

bubblewrap.py and containers.py enforce the isolation; unsandboxed.py does not.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stagemaker.images import catalogue
from stagemaker.images.family import CONTAINER
from stagemaker.isolation import socket_folder
from stagemaker.isolation.network import Network
from stagemaker.isolation.package_index import PackageIndex, read_package_index
from stagemaker.machine import THREAD_VARIABLES
from stagemaker.protocol.account import REGION

LIBRARY = str(CONTAINER / "library")  # packages of AWS's container that a job's Python lacks
ML = "/opt/ml"
LIBRARIES = "/opt/libraries"
SOCKET = f"/run/server/{socket_folder.NAME}"  # a model server's socket, in a folder shared only with its job
SHM_BYTES = 256 << 20  # size of /dev/shm; its memory is not attributed to any process


@dataclass(frozen=True)
class Launch:
    """A command to start, with its environment and working folder.

    container: Docker's settings, if the command runs in a container. bubblewrap: bubblewrap's command line, if the
    command runs in bubblewrap's sandbox; bubblewrap then sets the environment, and `environment` is empty.
    """

    command: list[str]
    environment: dict[str, str]
    folder: str
    container: dict[str, Any] | None = None
    bubblewrap: list[str] | None = None


@dataclass(frozen=True)
class Sandbox:
    """A job's view of the host.

    folder: the job's folder, whose subfolder `ml` becomes /opt/ml. image: the job's image. libraries: a read-only
    folder of packages. shared_folders: other host folders, by their paths in the job. network: the settings for calling
    the simulator, or None if the job must not call it. index: the index that pip_wheels.py may use; with it, and only
    then, the command has network access. has_network_isolation: whether the request contains EnableNetworkIsolation.
    """

    folder: Path
    isolation: "Isolation"
    image: str
    libraries: Path | None = None
    shared_folders: dict[str, Path] = field(default_factory=dict)
    network: Network | None = None
    index: PackageIndex | None = None
    has_network_isolation: bool = False

    @property
    def ml(self) -> Path:
        return self.folder / "ml"

    def make_launch(self, command: list[str], environment: dict[str, str], folder: str = "/") -> Launch:
        """Return the launch of a command whose arguments use paths below /opt/ml."""
        base_environment = {"HOME": "/tmp", "TMPDIR": "/tmp", "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1"}  # noqa: S108
        base_environment |= {
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "PYTHONDONTWRITEBYTECODE": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "SM_MODEL_DIR": f"{ML}/model",
        }
        # All packages are already installed. If a job's toolkit calls pip, pip only reports what is missing.
        base_environment |= {"PIP_NO_INDEX": "1", "PIP_DRY_RUN": "1", "PIP_NO_BUILD_ISOLATION": "0"}
        # Threads of many simultaneous jobs wait for each other, so they use the simulator's own limits, if any.
        base_environment |= {name: os.environ[name] for name in THREAD_VARIABLES if name in os.environ}
        if self.network:
            base_environment |= self.network.environment(self.isolation.enforced)
        if self.index:
            base_environment |= self.index.variables
        environment = base_environment | self.isolation.environment(self) | environment
        python_path = [environment.get("PYTHONPATH")]
        if self.libraries:
            libraries = LIBRARIES if self.isolation.keeps_paths else str(self.libraries)
            environment["PATH"] += f":{libraries}/bin"
            python_path.append(libraries)
        if self.isolation.uses_local_python:
            python_path.append(LIBRARY)
        if path := ":".join(filter(None, python_path)):
            environment["PYTHONPATH"] = path
        return self.isolation.make_launch(self, command, environment, folder)


class Isolation:
    """A method of isolating jobs.

    enforced: whether jobs are confined to their sandbox. keeps_paths: whether jobs see /opt/ml at that path; otherwise,
    paths are translated. uses_local_python: whether jobs run with a local Python instead of the image's.
    """

    name: str
    enforced = True
    keeps_paths = True
    uses_local_python = True

    def unsupported_reason(self, image: str) -> str | None:
        return catalogue.unsupported_reason(image)

    def remarks(self, image: str) -> list[str]:
        """Return lines about differences between jobs with this image here and on AWS."""
        return catalogue.family_of(image).remarks(image)

    def prepare(self, image: str, report: Callable[[str], None], raise_if_stopping: Callable[[], None]) -> None:
        """Make the image available. This may take minutes, which must not count towards a job's time.

        report: called with progress messages. Raises OSError if this is impossible.
        """
        if problem := self.unsupported_reason(image):
            raise OSError(problem)
        catalogue.family_of(image).package_set(image).make(report, raise_if_stopping)

    def training(self, image: str) -> list[str]:
        return catalogue.family_of(image).train()

    def serving(self, image: str) -> list[str]:
        return catalogue.family_of(image).serve(SOCKET)

    def entrypoint(self, image: str) -> list[str]:
        return []

    def environment(self, sandbox: Sandbox) -> dict[str, str]:
        """Return a job's default environment variables."""
        family = catalogue.family_of(sandbox.image)
        return {"PATH": family.python(sandbox.image).search_path, **family.environment_variables(sandbox.image)}

    def explain(self, message: str) -> str:
        """Return an explanation of how this isolation method caused a job's error message, or '' if it did not."""
        return ""

    def package_index(self, image: str) -> PackageIndex:
        return read_package_index(catalogue.family_of(image).python(image).program)

    def pip_wheels(self) -> list[str]:
        """Return the command of pip_wheels.py, without its arguments."""
        return ["python", "-P", str(CONTAINER / "pip_wheels.py")]

    def make_launch(self, sandbox: Sandbox, command: list[str], environment: dict[str, str], folder: str) -> Launch:
        raise NotImplementedError
