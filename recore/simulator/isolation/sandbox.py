"""What a job sees of this machine, and the base class of the isolation methods.

bubblewrap.py and containers.py enforce the isolation; unsandboxed.py does not.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recore.simulator.images import catalogue
from recore.simulator.images.family import CONTAINER
from recore.simulator.isolation import socket_folder
from recore.simulator.isolation.network import Network
from recore.simulator.isolation.translation import translate_paths

LIBRARY = str(CONTAINER / "library")  # packages of AWS's container that the Python of jobs lacks
ML = "/opt/ml"
LIBRARIES = "/opt/libraries"
SOCKET = f"/run/server/{socket_folder.NAME}"  # socket of a model's server, in a folder that is shared only with its job
SHM = 256 << 20  # bytes of /dev/shm, whose memory is not attributed to any process


@dataclass(frozen=True)
class Launch:
    """A command to be started on this machine, with its environment and working folder.

    container: Docker's settings, if the command runs in a container. bubblewrap: bubblewrap's own command line, if the
    command runs in its sandbox. bubblewrap sets the command's environment; its own environment is empty.
    """

    command: list[str]
    environment: dict[str, str]
    folder: str
    container: dict[str, Any] | None = None
    bubblewrap: list[str] | None = None


@dataclass(frozen=True)
class Sandbox:
    """What one job sees of this machine.

    folder: the job's folder, whose subfolder `ml` becomes /opt/ml. isolation: how the job is isolated. image: the
    container image that the job names. libraries: a read-only folder of packages that were installed for the job.
    shared_folders: folders of this machine by their paths in the job. network: what the job needs to call the
    simulator, or None if the job may not call it.
    """

    folder: Path
    isolation: "Isolation"
    image: str
    libraries: Path | None = None
    shared_folders: dict[str, Path] = field(default_factory=dict)
    network: Network | None = None

    @property
    def ml(self) -> Path:
        return self.folder / "ml"

    def launch(self, command: list[str], environment: dict[str, str], folder: str = "/") -> Launch:
        """Return how to start a command whose arguments use paths below /opt/ml."""
        base_environment = {"HOME": "/tmp", "TMPDIR": "/tmp", "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1"}  # noqa: S108
        base_environment |= {
            "PYTHONDONTWRITEBYTECODE": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "SM_MODEL_DIR": f"{ML}/model",
        }
        # Everything is already installed. If a job's toolkit calls pip, pip only reports missing packages and changes
        # nothing.
        base_environment |= {"PIP_NO_INDEX": "1", "PIP_DRY_RUN": "1", "PIP_NO_BUILD_ISOLATION": "0"}
        if self.network:
            base_environment |= self.network.environment(self.isolation.enforced)
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
        return self.isolation.launch(self, command, environment, folder)


class Isolation:
    """A method of isolating jobs.

    keeps_paths: jobs see /opt/ml at that path, so paths need not be translated. uses_local_python: jobs run with the
    Python of their image's family on this machine instead of the image's own.
    """

    name: str
    enforced = True
    keeps_paths = True
    uses_local_python = True

    def refusal(self, image: str) -> str | None:
        """Return why jobs that name this image cannot run, or None if they can."""
        return catalogue.refusal(image)

    def prepare(self, image: str, report: Callable[[str], None]) -> None:
        """Make the image available. report: called with progress messages. Raises OSError if this is impossible."""
        if problem := self.refusal(image):
            raise OSError(problem)

    def training(self, image: str) -> list[str]:
        """Return the command of a training job that does not specify one."""
        return catalogue.family_of(image).train()

    def serving(self, image: str) -> list[str]:
        """Return the command of a model's server, which listens on SOCKET."""
        return catalogue.family_of(image).serve(SOCKET)

    def entrypoint(self, image: str) -> list[str]:
        """Return the image's own entry point, for a processing job that does not specify one."""
        return []

    def environment(self, sandbox: Sandbox) -> dict[str, str]:
        """Return the default environment variables of a job; its own variables override them."""
        family = catalogue.family_of(sandbox.image)
        return {"PATH": family.python().search_path, **family.variables(sandbox.image)}

    def launch(self, sandbox: Sandbox, command: list[str], environment: dict[str, str], folder: str) -> Launch:
        """Return how to start a job's command."""
        raise NotImplementedError

    def launch_with_network(self, sandbox: Sandbox, command: list[str]) -> Launch:
        """Return how to start the installation of a job's packages: with network access, outside the job's sandbox.

        command: the arguments of the job's Python.
        """
        paths, python = {ML: sandbox.ml}, str(catalogue.family_of(sandbox.image).python().program)
        environment = {name: value for name, value in os.environ.items() if name not in ("PIP_TARGET", "PIP_USER")}
        return Launch([python, "-P", *(translate_paths(word, paths) for word in command)], environment, str(sandbox.ml))
