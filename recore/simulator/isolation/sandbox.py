"""What a job sees of this machine, and the interface of the ways to isolate it.

bubblewrap.py and containers.py enforce it; unsandboxed.py does not.
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
from recore.simulator.isolation.translation import translated

LIBRARY = str(CONTAINER / "library")  # packages that the container has and the Python of its jobs lacks
ML = "/opt/ml"
LIBRARIES = "/opt/libraries"
SOCKET = f"/run/server/{socket_folder.NAME}"  # of a model's server, in a folder that is shared with its job alone
SHM = 256 << 20  # bytes of /dev/shm: it is memory that no process shows as its own


@dataclass(frozen=True)
class Launch:
    """A command as it must be started outside, and the environment and folder to start it in.

    container: where it is a container that is started, what Docker is told of it. bubblewrap: where the command runs in
    a sandbox, bubblewrap's own command line, which gives the command its environment; that of bubblewrap is empty.
    """

    command: list[str]
    environment: dict[str, str]
    folder: str
    container: dict[str, Any] | None = None
    bubblewrap: list[str] | None = None


@dataclass(frozen=True)
class Sandbox:
    """Where one job lives. folder: its folder on this machine, of which `ml` becomes /opt/ml.

    isolation: what keeps it there. image: of the container, which Docker starts. libraries: a folder of packages that
    were installed for it, read-only. shared: folders of this machine by their paths in the job. network: what it needs
    to call the simulator, if it may.
    """

    folder: Path
    isolation: "Isolation"
    image: str
    libraries: Path | None = None
    shared: dict[str, Path] = field(default_factory=dict)
    network: Network | None = None

    @property
    def ml(self) -> Path:
        return self.folder / "ml"

    def launch(self, command: list[str], environment: dict[str, str], folder: str = "/") -> Launch:
        """How to start a command that names its files below /opt/ml."""
        base = {"HOME": "/tmp", "TMPDIR": "/tmp", "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1"}  # noqa: S108
        base |= {"PYTHONDONTWRITEBYTECODE": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "SM_MODEL_DIR": f"{ML}/model"}
        # all is installed by now: pip, which a job's toolkit still calls, says what is missing and touches nothing
        base |= {"PIP_NO_INDEX": "1", "PIP_DRY_RUN": "1", "PIP_NO_BUILD_ISOLATION": "0"}
        if self.network:
            base |= self.network.environment(self.isolation.enforced)
        environment = base | self.isolation.environment(self) | environment
        importable = [environment.get("PYTHONPATH")]
        if self.libraries:
            libraries = LIBRARIES if self.isolation.true_paths else str(self.libraries)
            environment["PATH"] += f":{libraries}/bin"
            importable.append(libraries)
        if self.isolation.local_python:
            importable.append(LIBRARY)
        if path := ":".join(filter(None, importable)):
            environment["PYTHONPATH"] = path
        return self.isolation.launch(self, command, environment, folder)


class Isolation:
    """One way to keep a job where it belongs. true_paths: /opt/ml is there as such, and not translated.

    local_python: jobs are run by a Python of this machine, that of their image's family, and not by the image's own.
    """

    name: str
    enforced = True
    true_paths = True
    local_python = True

    def refusal(self, image: str) -> str | None:
        """Why jobs that name this image cannot run; None if they can."""
        return catalogue.refusal(image)

    def prepare(self, image: str, tell: Callable[[str], None]) -> None:
        """See to it that the image is here. Raises OSError where it cannot be had."""
        if problem := self.refusal(image):
            raise OSError(problem)

    def training(self, image: str) -> list[str]:
        """The command of a training job that names none."""
        return catalogue.family_of(image).train()

    def serving(self, image: str) -> list[str]:
        """The command of a model's server, which then listens on SOCKET."""
        return catalogue.family_of(image).serve(SOCKET)

    def entrypoint(self, image: str) -> list[str]:
        """The entry point that an image itself has, for a processing job that names none."""
        return []

    def environment(self, sandbox: Sandbox) -> dict[str, str]:
        """What a job's environment has to begin with."""
        family = catalogue.family_of(sandbox.image)
        return {"PATH": family.python().search_path, **family.variables(sandbox.image)}

    def launch(self, sandbox: Sandbox, command: list[str], environment: dict[str, str], folder: str) -> Launch:
        """How to start a job's command."""
        raise NotImplementedError

    def networked(self, sandbox: Sandbox, command: list[str]) -> Launch:
        """How to start a command of ours, by the job's Python, that fetches packages for it and sees nothing of it."""
        paths, program = {ML: sandbox.ml}, str(catalogue.family_of(sandbox.image).python().program)
        environment = {name: value for name, value in os.environ.items() if name not in ("PIP_TARGET", "PIP_USER")}
        return Launch([program, "-P", *(translated(word, paths) for word in command)], environment, str(sandbox.ml))
