"""What a job sees: its own /opt/ml, read-only programs, and nothing else, where the kernel can be asked to see to it.

With bubblewrap: true /opt/ml paths, no network, no other process, no file of the host but programs; what a job writes
elsewhere lands in a layer of its own, as in a container, and goes with it. Without it jobs run in a folder of their
own, every argument and variable that names /opt/ml is translated, and nothing is enforced.
"""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

CONTAINER = Path(__file__).parents[1] / "container"  # the room that runs inside the job
ML = "/opt/ml"
SHM = 256 << 20  # bytes of /dev/shm: it is memory that no process shows as its own
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
    """A command as it must be started outside, and the environment and folder to start it in."""

    command: list[str]
    environment: dict[str, str]
    folder: str


@dataclass(frozen=True)
class Sandbox:
    """Where one job lives. folder: its folder on this machine, of which `ml` becomes /opt/ml.

    enforced: by bubblewrap. libraries: a folder of packages installed for it, seen read-only.
    """

    folder: Path
    enforced: bool
    libraries: Path | None = None
    shared: dict[str, Path] = field(default_factory=dict)

    @property
    def ml(self) -> Path:
        return self.folder / "ml"

    def launch(self, command: list[str], environment: dict[str, str], folder: str = "/") -> Launch:
        """How to start a command that names its files below /opt/ml."""
        base = {"PATH": ":".join(PATHS), "HOME": "/tmp", "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1", "TMPDIR": "/tmp"}  # noqa: S108
        base |= {"PYTHONDONTWRITEBYTECODE": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "SM_MODEL_DIR": f"{ML}/model"}
        # all is installed by now: pip, which a job's toolkit still calls, says what is missing and touches nothing
        base |= {"PIP_NO_INDEX": "1", "PIP_DRY_RUN": "1", "PIP_NO_BUILD_ISOLATION": "0"}
        environment = base | environment
        if self.libraries:
            libraries = "/opt/libraries" if self.enforced else str(self.libraries)
            environment["PATH"] += f":{libraries}/bin"
            environment["PYTHONPATH"] = ":".join(filter(None, [environment.get("PYTHONPATH"), libraries]))
        if self.enforced:
            root = Path(tempfile.mkdtemp(prefix="root-", dir=self.folder))
            walls = [*_walls(root), "--bind", str(self.ml), ML]
            for inside, outside in self.shared.items():
                walls += ["--bind", str(outside), inside]
            if self.libraries:
                walls += ["--ro-bind", str(self.libraries), "/opt/libraries"]
            return Launch([*walls, "--chdir", folder, "--", *command], environment, "/")
        tmp = self.folder / "tmp"
        tmp.mkdir(exist_ok=True)
        own = {"HOME": str(tmp), "TMPDIR": str(tmp), "SAGEMAKER_BASE_DIR": str(self.ml)}
        environment = {name: self.translated(value) for name, value in environment.items()} | own
        place = str(tmp) if folder == "/" else self.translated(folder)
        return Launch([self.translated(word) for word in command], environment, place)

    def translated(self, text: str) -> str:
        """Text in which paths below /opt/ml are those of this machine. Such a path within another is left alone."""
        for inside, outside in {ML: self.ml, **self.shared}.items():
            path = rf"(?:(?<![\w./-])|(?<=file://)){re.escape(inside)}(?![\w.-])"
            text = re.sub(path, str(outside).replace("\\", r"\\"), text)
        return text


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
