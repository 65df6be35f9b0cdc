"""Run jobs in Docker containers, with SageMaker's mounts and environment variables, resource limits and no network.

Each container is labelled with its simulator. When a simulator starts, it removes containers of simulators that ended.
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

from stagemaker.images.family import CONTAINER
from stagemaker.isolation import network
from stagemaker.isolation.package_index import PackageIndex
from stagemaker.isolation.sandbox import LIBRARIES, ML, SHM_BYTES, SOCKET, Isolation, Launch, Sandbox
from stagemaker.program_variables import program_variables

LABEL = "stagemaker"  # a container's label for the simulator that started it
INPUTS = "stagemaker.inputs"  # an image's label for the digest of the files from which it was built
BRIDGE = "/run/bridge.py"
PIP_WHEELS = "/run/pip_wheels.py"
NOBODY_ID = 65534
Mounts = dict[Path, tuple[str, str]]  # for each local path, the path in the container, and "rw" or "ro"
FIX = "start Docker, or add yourself to the docker group and log in again; `docker info` shows whether it works"


class Docker(Isolation):
    """Isolation in containers of a Docker engine. pull_images: whether to pull images that do not exist locally."""

    name = "Docker"
    uses_local_python = False

    def __init__(self, engine: docker.DockerClient, pull_images: bool = True) -> None:
        self._engine, self._pull_images, self._label = engine, pull_images, process_label(psutil.Process())

    def unsupported_reason(self, image: str) -> str | None:
        return None

    def prepare(self, image: str, report: Callable[[str], None], raise_if_stopping: Callable[[], None]) -> None:
        try:
            if image_exists(self._engine, image):
                return
            if self._pull_images:
                pull(self._engine, image, report, raise_if_stopping)
                return
        except (DockerException, OSError) as error:
            raise OSError(f"The image '{image}' does not exist locally and could not be pulled: {error}") from None
        fix = f"run `docker pull {image}`, because --network simulator does not pull images"
        raise OSError(f"The image '{image}' does not exist locally: {fix}")

    def remarks(self, image: str) -> list[str]:
        return []

    def environment(self, sandbox: Sandbox) -> dict[str, str]:
        variables = (line.partition("=") for line in self._config(sandbox.image).get("Env") or [])
        return {name: value for name, _, value in variables if name == "PATH"}

    def package_index(self, image: str) -> PackageIndex:
        """Return settings under which pip uses those of the image, which a container has in any case."""
        return PackageIndex({"PIP_NO_INDEX": "0", "PIP_DRY_RUN": "0"})

    def pip_wheels(self) -> list[str]:
        return ["python3", PIP_WHEELS]

    def training(self, image: str) -> list[str]:
        return ["train"]

    def serving(self, image: str) -> list[str]:
        return ["python3", BRIDGE, SOCKET, "8080", *self.entrypoint(image), "serve"]

    def entrypoint(self, image: str) -> list[str]:
        return list(self._config(image).get("Entrypoint") or [])

    def make_launch(self, sandbox: Sandbox, command: list[str], environment: dict[str, str], folder: str) -> Launch:
        mounts: Mounts = {sandbox.ml: (ML, "rw"), CONTAINER / "bridge.py": (BRIDGE, "ro")}
        if sandbox.index:
            mounts[CONTAINER / "pip_wheels.py"] = (PIP_WHEELS, "ro")
        mounts |= {host_path: (job_path, "rw") for job_path, host_path in sandbox.shared_folders.items()}
        if sandbox.libraries:
            mounts[sandbox.libraries] = (LIBRARIES, "ro")
        if command[:1] == ["train"]:  # the image's program
            command = [*self.entrypoint(sandbox.image), *command]
        if sandbox.network:
            mounts[sandbox.network.folder] = (network.FOLDER, "ro")
            command = network.wrap_in_bridge(["python3", BRIDGE], command)
        settings = {} if folder == "/" else {"working_dir": folder}
        if not sandbox.index:
            settings["network_mode"] = "none"
        container = {
            "image": sandbox.image,
            # one output stream, because Docker does not preserve the order of two
            "entrypoint": ["/bin/sh", "-c", 'exec "$0" "$@" 2>&1'],
            "command": command,
            "environment": environment,
            "user": assign_owner(sandbox.ml, *sandbox.shared_folders.values()),
            "volumes": {
                str(host_path): {"bind": job_path, "mode": mode} for host_path, (job_path, mode) in mounts.items()
            },
            "labels": {LABEL: self._label},
            "hostname": "algo-1",
            "extra_hosts": {"algo-1": "127.0.0.1"},
            "read_only": True,
            "tmpfs": {"/tmp": "mode=1777,exec", "/run": "mode=1777"},  # noqa: S108
            "shm_size": SHM_BYTES,
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
def docker_client() -> Iterator[docker.DockerClient]:
    """Yield a Docker client. Raises OSError, with a fix, if no engine responds."""
    with contextlib.ExitStack() as exit_stack:
        try:
            engine = exit_stack.enter_context(contextlib.closing(docker.from_env(environment=program_variables())))
            engine.ping()
        except (DockerException, OSError) as error:
            raise OSError(f"no Docker engine responds ({str(error)[:200]}): {FIX}") from None
        yield engine


def process_label(process: psutil.Process) -> str:
    """Return an identifier of a simulator's process that stays unique even if its PID is reused."""
    return f"{process.pid}-{int(process.create_time())}"


def sweep(engine: docker.DockerClient) -> None:
    # another simulator may remove containers while they are listed
    for container in engine.containers.list(all=True, filters={"label": LABEL}, ignore_removed=True):
        label = container.labels[LABEL]
        with contextlib.suppress(psutil.Error, ValueError):
            if process_label(psutil.Process(int(label.partition("-")[0]))) == label:
                continue
        with contextlib.suppress(NotFound, APIError):
            container.remove(force=True, v=True)


def image_exists(engine: docker.DockerClient, image: str) -> bool:
    try:
        engine.images.get(image)
    except ImageNotFound:
        return False
    return True


def pull(
    engine: docker.DockerClient, image: str, report: Callable[[str], None], raise_if_stopping: Callable[[], None]
) -> None:
    """Pull an image. report: called at the start. Raises DockerException, or an error from `raise_if_stopping`."""
    report(f"pulling {image}")
    repository, tag = docker.utils.parse_repository_tag(image)
    for event in engine.api.pull(repository, tag or "latest", stream=True, decode=True):
        if "error" in event:
            raise DockerException(event["error"])
        raise_if_stopping()


def build(engine: docker.DockerClient, folder: Path, image: str, target: str, report: Callable[[str], None]) -> None:
    """Build a target of a folder's Dockerfile, unless the image has already been built from the same files.

    report: called with a message for each step. Raises OSError on failure.
    """
    inputs = _digest(folder)
    if image_exists(engine, image) and engine.images.get(image).labels.get(INPUTS) == inputs:
        return
    report(f"building the image {image}: the first build takes several minutes")
    arguments = {"path": str(folder), "tag": image, "target": target, "labels": {INPUTS: inputs}}
    output: deque[str] = deque(maxlen=10)
    try:
        for event in engine.api.build(**arguments, rm=True, forcerm=True, decode=True):
            if "error" in event:
                raise OSError("; ".join([f"the image {image} could not be built", event["error"].strip(), *output]))
            output += [line.strip() for line in event.get("stream", "").splitlines() if line.strip()]
            if event.get("stream", "").startswith("Step "):
                report(event["stream"].strip())
    except DockerException as error:
        raise OSError(f"the image {image} could not be built: {error}") from None


def _digest(folder: Path) -> str:
    patterns = (folder / ".dockerignore").read_text("utf-8").splitlines()
    paths = docker.utils.exclude_paths(str(folder), [line for line in patterns if line and not line.startswith("#")])
    digest = hashlib.sha256()
    for path in sorted({*paths, "Dockerfile"}):
        if (folder / path).is_file():
            digest.update(f"{path}\0".encode() + (folder / path).read_bytes())
    return digest.hexdigest()


def assign_owner(*folders: Path) -> str:
    """Make a container's user the owner of folders, and return that user.

    The user is the caller, who then owns the output, or the user nobody if the caller is root.
    """
    if os.getuid():
        return f"{os.getuid()}:{os.getgid()}"
    for folder in folders:
        for parent, _, files in os.walk(folder):
            for path in (parent, *(os.path.join(parent, name) for name in files)):
                os.chown(path, NOBODY_ID, NOBODY_ID, follow_symlinks=False)
    return f"{NOBODY_ID}:{NOBODY_ID}"
