"""What a job sees: its own /opt/ml, read-only programs, and nothing else, where the kernel can be asked to see to it.

With bubblewrap: true /opt/ml paths, no network, no other process, no file of the host but programs; what a job writes
elsewhere lands in a layer of its own, as in a container, and goes with it. Without it jobs run in a folder of their
own, every argument and variable that names /opt/ml is translated, and nothing is enforced. Docker: see containers.py.
"""

import contextlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from recore.simulator import sockets

CONTAINER = Path(__file__).parents[1] / "container"  # the room that runs inside the job
ML = "/opt/ml"
LIBRARIES = "/opt/libraries"
SOCKET = f"/run/server/{sockets.NAME}"  # of a model's server, in a folder that is shared with its job alone
SKLEARN_FAMILY = ("scikit-learn", "sklearn")
SHM = 256 << 20  # bytes of /dev/shm: it is memory that no process shows as its own
SHELLS = ("sh", "bash", "dash")
PATHS = [str(Path(sys.prefix) / "bin"), "/usr/local/bin", "/usr/bin", "/bin"]


@cache
def bubblewrap_works() -> bool:
    """Whether bubblewrap is there and may do here what a job needs, tried once."""
    if shutil.which("bwrap") is None:
        return False
    with tempfile.TemporaryDirectory() as root:
        command = [*_walls(Path(root)), "--", sys.executable, "-c", "import ctypes"]
        return subprocess.run(command, capture_output=True).returncode == 0


@dataclass(frozen=True)
class Launch:
    """A command as it must be started outside, and the environment and folder to start it in.

    container: where it is a container that is started, what Docker is told of it.
    """

    command: list[str]
    environment: dict[str, str]
    folder: str
    container: dict[str, Any] | None = None


@dataclass(frozen=True)
class Sandbox:
    """Where one job lives. folder: its folder on this machine, of which `ml` becomes /opt/ml.

    walls: what keeps it there. image: the container's, which is started where the walls are Docker's. libraries: a
    folder of packages installed for it, seen read-only. shared: folders of this machine by their paths in the job.
    """

    folder: Path
    walls: "Walls"
    image: str
    libraries: Path | None = None
    shared: dict[str, Path] = field(default_factory=dict)

    @property
    def ml(self) -> Path:
        return self.folder / "ml"

    def launch(self, command: list[str], environment: dict[str, str], folder: str = "/") -> Launch:
        """How to start a command that names its files below /opt/ml."""
        base = {"HOME": "/tmp", "TMPDIR": "/tmp", "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1"}  # noqa: S108
        base |= {"PYTHONDONTWRITEBYTECODE": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "SM_MODEL_DIR": f"{ML}/model"}
        # all is installed by now: pip, which a job's toolkit still calls, says what is missing and touches nothing
        base |= {"PIP_NO_INDEX": "1", "PIP_DRY_RUN": "1", "PIP_NO_BUILD_ISOLATION": "0"}
        environment = base | self.walls.environment(self) | environment
        if self.libraries:
            libraries = LIBRARIES if self.walls.true_paths else str(self.libraries)
            environment["PATH"] += f":{libraries}/bin"
            environment["PYTHONPATH"] = ":".join(filter(None, [environment.get("PYTHONPATH"), libraries]))
        return self.walls.launch(self, command, environment, folder)


class Walls:
    """One way to keep a job where it belongs. true_paths: /opt/ml is there as such, and not translated.

    train: the command of a training job that names none.
    """

    name: str
    enforced = True
    true_paths = True
    this_python = True  # jobs run by the Python that runs this
    train: Sequence[str] = ("python", "-P", str(CONTAINER / "training.py"))

    def accepts(self, image: str) -> bool:
        """Whether jobs that name this image can run: those of the scikit-learn family, which the container room is."""
        return any(word in image_name(image) for word in SKLEARN_FAMILY)

    def prepare(self, image: str, tell: Callable[[str], None]) -> None:
        """See to it that the image is here. Raises JobFailed where it cannot be had."""

    def serving(self, image: str) -> list[str]:
        """The command of a model's server, which then listens on SOCKET."""
        return ["python", "-P", str(CONTAINER / "serving.py"), "--bind", f"unix:{SOCKET}"]

    def environment(self, sandbox: Sandbox) -> dict[str, str]:
        """What a job's environment has to begin with."""
        return {"PATH": ":".join(PATHS)}

    def launch(self, sandbox: Sandbox, command: list[str], environment: dict[str, str], folder: str) -> Launch:
        """How to start a job's command."""
        raise NotImplementedError

    def networked(self, sandbox: Sandbox, command: list[str]) -> Launch:
        """How to start a command of ours, by this Python, that fetches packages for a job and sees nothing of it."""
        paths = {ML: sandbox.ml}
        environment = {name: value for name, value in os.environ.items() if name not in ("PIP_TARGET", "PIP_USER")}
        return Launch([sys.executable, *(translated(word, paths) for word in command)], environment, str(sandbox.ml))


class Bubblewrap(Walls):
    """The kernel's namespaces, by bubblewrap: processes of this machine that see their own files alone."""

    name = "bubblewrap"

    def launch(self, sandbox: Sandbox, command: list[str], environment: dict[str, str], folder: str) -> Launch:
        root = Path(tempfile.mkdtemp(prefix="root-", dir=sandbox.folder))
        walls = [*_walls(root), "--bind", str(sandbox.ml), ML]
        for inside, outside in sandbox.shared.items():
            walls += ["--bind", str(outside), inside]
        if sandbox.libraries:
            walls += ["--ro-bind", str(sandbox.libraries), LIBRARIES]
        return Launch([*walls, "--chdir", folder, "--", *command], environment, "/")


class NoWalls(Walls):
    """A folder of its own, and paths translated to it; nothing is enforced."""

    name = "none"
    enforced = False
    true_paths = False

    def launch(self, sandbox: Sandbox, command: list[str], environment: dict[str, str], folder: str) -> Launch:
        tmp = sandbox.folder / "tmp"
        tmp.mkdir(exist_ok=True)
        paths = {ML: sandbox.ml, **sandbox.shared}
        own = {"HOME": str(tmp), "TMPDIR": str(tmp), "SAGEMAKER_BASE_DIR": str(sandbox.ml)}
        environment = {name: translated(value, paths) for name, value in environment.items()} | own
        place = str(tmp) if folder == "/" else translated(folder, paths)
        words = [translated(word, paths) for word in command]
        if Path(command[0]).name in SHELLS and "-c" in command[1:-1]:
            script = command.index("-c") + 1
            words[script] = translated_in_shell(command[script], paths)
        return Launch(words, environment, place)


def image_name(image: str) -> str:
    """The last part of an image's name, without registry, tag and digest."""
    return image.rpartition("/")[2].partition("@")[0].partition(":")[0]


def translated(text: str, paths: dict[str, Path]) -> str:
    """Text in which a job's paths are those of this machine, quoted in URLs and escaped in JSON.

    Such a path within another is left alone.
    """
    if text.startswith(("{", "[", '"')) and any(inside in text for inside in paths):
        with contextlib.suppress(ValueError, RecursionError):  # it is not JSON, or deeper than can be read
            return json.dumps(_translated_strings(json.loads(text), paths))
    for inside, outside in paths.items():
        path = rf"{re.escape(inside)}(?![\w.-])"
        text = re.sub(rf"(?<=file://){path}", quote(os.fsencode(outside)), text)
        text = re.sub(rf"(?<![\w./-]){path}", str(outside).replace("\\", r"\\"), text)
    return text


def translated_in_shell(script: str, paths: dict[str, Path]) -> str:
    """A shell script in which a job's paths are those of this machine, quoted as each place asks."""
    for inside, outside in paths.items():
        first, *parts = re.split(rf"(?<![\w.]){re.escape(inside)}(?![\w.-])", script)
        in_quotes, bare = re.sub(r'(["$`\\])', r"\\\1", str(outside)), shlex.quote(str(outside))
        before = script = first
        for part in parts:
            line = before.rpartition("\n")[2]
            script += (in_quotes if line.count('"') % 2 else bare) + part
            before += part
    return script


def _translated_strings(value: Any, paths: dict[str, Path]) -> Any:
    """A value that JSON can hold, with its strings translated."""
    if isinstance(value, str):
        return translated(value, paths)
    if isinstance(value, list):
        return [_translated_strings(item, paths) for item in value]
    if isinstance(value, dict):
        return {name: _translated_strings(item, paths) for name, item in value.items()}
    return value


def _walls(root: Path) -> list[str]:
    """bubblewrap's arguments that every job has: programs to read, nothing else of this machine, no network.

    root: an empty folder, the layer that takes what is written beside these.
    """
    for name in ("tmp", "run", "etc", "opt"):
        (root / name).mkdir(mode=0o777)
    (root / "etc/hosts").write_text("127.0.0.1 localhost algo-1\n")
    (root / "etc/passwd").write_text(f"root:x:{os.getuid()}:{os.getgid()}:root:/tmp:/bin/sh\n")
    (root / "etc/group").write_text(f"root:x:{os.getgid()}:\n")
    walls = [
        "bwrap",
        "--unshare-all",
        "--die-with-parent",
        "--new-session",
        "--cap-drop",
        "ALL",
        "--hostname",
        "algo-1",
    ]
    walls += ["--bind", str(root), "/", "--proc", "/proc", "--dev", "/dev"]
    walls += ["--ro-bind", "/proc/sys", "/proc/sys"]  # root could write to it; bubblewrap does not see to it everywhere
    walls += ["--size", str(SHM), "--tmpfs", "/dev/shm", "--remount-ro", "/dev"]  # noqa: S108
    walls += ["--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        path = Path("/") / name
        if path.is_symlink():
            walls += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            walls += ["--ro-bind", str(path), str(path)]
    for name in ("ld.so.cache", "alternatives", "ssl", "localtime", "nsswitch.conf", "mime.types"):
        walls += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    for program in sorted({sys.prefix, sys.base_prefix, sysconfig.get_paths()["stdlib"], str(CONTAINER)}):
        if not program.startswith("/usr/"):
            walls += ["--ro-bind", program, program]
    return walls
