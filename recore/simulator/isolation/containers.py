"""Jobs in containers of a Docker engine, with SageMaker's mounts and variables, without a network and within limits.

The image is the one that a request names; it is pulled if it is not on this machine. A model's server is reached by a
Unix socket in a folder that is shared only with its container. Each container has a label that names the simulator that
started it; the next simulator removes the containers of those that are gone.
"""

import contextlib
import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import psutil
from docker.errors import APIError, DockerException, ImageNotFound, NotFound

from recore.simulator.images.family import CONTAINER
from recore.simulator.isolation import network
from recore.simulator.isolation.sandbox import LIBRARIES, ML, SHM, SOCKET, Isolation, Launch, Sandbox

LABEL = "recore.simulator"  # on a container: the simulator that started it
INPUTS = "recore.inputs"  # on an image: the digest of the files that it was built from
BRIDGE = "/run/bridge.py"
NOBODY = 65534
Mounts = dict[Path, tuple[str, str]]  # by the path on this machine: the path in the container, and "rw" or "ro"
REMEDY = "start Docker, or add yourself to the group docker and log in again; `docker info` shows whether it works"


class Docker(Isolation):
    """Runs jobs in containers of an engine."""

    name = "Docker"
    local_python = False

    def __init__(self, engine: docker.DockerClient) -> None:
        self._engine, self._owner = engine, owner(psutil.Process())

    def refusal(self, image: str) -> str | None:
        return None

    def prepare(self, image: str, tell: Callable[[str], None]) -> None:
        try:
            if not exists(self._engine, image):
                pull(self._engine, image, tell)
        except (DockerException, OSError) as error:
            raise OSError(f"The image '{image}' is not on this machine and could not be pulled: {error}") from None

    def environment(self, sandbox: Sandbox) -> dict[str, str]:
        variables = (line.partition("=") for line in self._config(sandbox.image).get("Env") or [])
        return {name: value for name, _, value in variables if name == "PATH"}

    def training(self, image: str) -> list[str]:
        return ["train"]

    def serving(self, image: str) -> list[str]:
        """The image's own `serve`, with a bridge from its port to the socket."""
        return ["python3", BRIDGE, SOCKET, "8080", *self.entrypoint(image), "serve"]

    def entrypoint(self, image: str) -> list[str]:
        return list(self._config(image).get("Entrypoint") or [])

    def launch(self, sandbox: Sandbox, command: list[str], environment: dict[str, str], folder: str) -> Launch:
        mounts: Mounts = {sandbox.ml: (ML, "rw"), CONTAINER / "bridge.py": (BRIDGE, "ro")}
        mounts |= {outside: (inside, "rw") for inside, outside in sandbox.shared.items()}
        if sandbox.libraries:
            mounts[sandbox.libraries] = (LIBRARIES, "ro")
        if command[:1] == ["train"]:  # the image's own program
            command = [*self.entrypoint(sandbox.image), *command]
        if sandbox.network:
            mounts[sandbox.network.folder] = (network.FOLDER, "ro")
            command = network.bridged(["python3", BRIDGE], command)
        working_folder = {} if folder == "/" else {"working_dir": folder}
        return self._launch(sandbox, command, environment, mounts, network_mode="none", **working_folder)

    def networked(self, sandbox: Sandbox, command: list[str]) -> Launch:
        environment = {"HOME": "/tmp", **self.environment(sandbox)}  # noqa: S108
        return self._launch(sandbox, ["python3", *command], environment, {sandbox.ml: (ML, "rw")})

    def _launch(
        self, sandbox: Sandbox, command: list[str], environment: dict[str, str], mounts: Mounts, **settings: Any
    ) -> Launch:
        container = {
            "image": sandbox.image,
            # one stream of output: Docker does not keep the order of two
            "entrypoint": ["/bin/sh", "-c", 'exec "$0" "$@" 2>&1'],
            "command": command,
            "environment": environment,
            "user": give(sandbox.ml, *sandbox.shared.values()),
            "volumes": {str(outside): {"bind": inside, "mode": mode} for outside, (inside, mode) in mounts.items()},
            "labels": {LABEL: self._owner},
            "hostname": "algo-1",
            "extra_hosts": {"algo-1": "127.0.0.1"},
            "read_only": True,
            "tmpfs": {"/tmp": "mode=1777,exec", "/run": "mode=1777"},  # noqa: S108
            "shm_size": SHM,
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges"],
            "init": True,
            "healthcheck": {"test": ["NONE"]},
            **settings,
        }
        return Launch(command, {}, "/", container)

    def _config(self, image: str) -> dict[str, Any]:
        return dict(self._engine.images.get(image).attrs["Config"])


@contextlib.contextmanager
def connected() -> Iterator[docker.DockerClient]:
    """Yield a client of the engine. Raises OSError, with the fix, if no engine answers or it may not be used."""
    with contextlib.ExitStack() as ends:
        try:
            engine = ends.enter_context(contextlib.closing(docker.from_env()))
            engine.ping()
        except (DockerException, OSError) as error:
            raise OSError(f"no Docker engine responds ({str(error)[:200]}): {REMEDY}") from None
        yield engine


def owner(process: psutil.Process) -> str:
    """Return what identifies a simulator's process, also after its number was given to another process."""
    return f"{process.pid}-{int(process.create_time())}"


def sweep(engine: docker.DockerClient) -> None:
    """Remove containers whose simulator is gone."""
    # another simulator may remove containers while they are listed
    for container in engine.containers.list(all=True, filters={"label": LABEL}, ignore_removed=True):
        label = container.labels[LABEL]
        with contextlib.suppress(psutil.Error, ValueError):
            if owner(psutil.Process(int(label.partition("-")[0]))) == label:
                continue
        with contextlib.suppress(NotFound, APIError):
            container.remove(force=True, v=True)


def exists(engine: docker.DockerClient, image: str) -> bool:
    """Whether an image is on this machine."""
    try:
        engine.images.get(image)
    except ImageNotFound:
        return False
    return True


def pull(engine: docker.DockerClient, image: str, tell: Callable[[str], None]) -> None:
    """Pull an image. `tell` gets a line when a layer begins and ends. Raises DockerException."""
    tell(f"pulling {image}")
    repository, tag = docker.utils.parse_repository_tag(image)
    for event in engine.api.pull(repository, tag or "latest", stream=True, decode=True):
        if "error" in event:
            raise DockerException(event["error"])
        if event.get("status") in ("Pulling fs layer", "Pull complete"):
            tell(f"{event['status']} {event.get('id', '')}")


def build(engine: docker.DockerClient, folder: Path, image: str, target: str, tell: Callable[[str], None]) -> None:
    """Build an image from a folder's Dockerfile, up to a target, unless it was built from the same files before.

    tell: called with a line for each step. Raises OSError if the build fails.
    """
    inputs = _digest(folder)
    if exists(engine, image) and engine.images.get(image).labels.get(INPUTS) == inputs:
        return
    tell(f"building the image {image}: this takes minutes the first time")
    arguments = {"path": str(folder), "tag": image, "target": target, "labels": {INPUTS: inputs}}
    output: deque[str] = deque(maxlen=10)
    try:
        for event in engine.api.build(**arguments, rm=True, forcerm=True, decode=True):
            if "error" in event:
                raise OSError("; ".join([f"the image {image} cannot be built", event["error"].strip(), *output]))
            output += [line.strip() for line in event.get("stream", "").splitlines() if line.strip()]
            if event.get("stream", "").startswith("Step "):
                tell(event["stream"].strip())
    except DockerException as error:
        raise OSError(f"the image {image} cannot be built: {error}") from None


def _digest(folder: Path) -> str:
    """Return the digest of a Dockerfile and the files that .dockerignore admits to the build."""
    ignored = (folder / ".dockerignore").read_text("utf-8").splitlines()
    paths = docker.utils.exclude_paths(str(folder), [line for line in ignored if line and not line.startswith("#")])
    digest = hashlib.sha256()
    for path in sorted({*paths, "Dockerfile"}):
        if (folder / path).is_file():
            digest.update(f"{path}\0".encode() + (folder / path).read_bytes())
    return digest.hexdigest()


def give(*folders: Path) -> str:
    """Return the user that a container runs as, and let that user own the folders.

    It is the caller, so that the caller owns what the container writes; if the caller is root, it is nobody.
    """
    if os.getuid():
        return f"{os.getuid()}:{os.getgid()}"
    for folder in folders:
        for place, _, files in os.walk(folder):
            for path in (place, *(os.path.join(place, name) for name in files)):
                os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    return f"{NOBODY}:{NOBODY}"
