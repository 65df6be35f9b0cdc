"""What a job sees: its own /opt/ml, read-only programs, and nothing else, where the kernel can be asked to see to it.

With bubblewrap: true /opt/ml paths, no network, no other process, no file of the host but programs. Without it jobs
run in a folder of their own, every argument and variable that names /opt/ml is translated, and nothing is enforced.
"""

import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

CONTAINER = Path(__file__).parents[1] / "container"  # the room that runs inside the job
ML = "/opt/ml"
PATHS = [str(Path(sys.prefix) / "bin"), "/usr/local/bin", "/usr/bin", "/bin"]


@cache
def bubblewrap_works() -> bool:
    """Whether bubblewrap is there and may do here what a job needs, tried once."""
    if shutil.which("bwrap") is None:
        return False
    command = [*_walls(), "--", sys.executable, "-c", "import ctypes"]
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
        if self.libraries:
            base["PYTHONPATH"] = str(self.libraries)
        environment = base | environment
        if self.enforced:
            walls = [*_walls(), "--bind", str(self.ml), ML, "--chdir", folder]
            walls += ["--ro-bind", str(self._etc("hosts", "127.0.0.1 localhost algo-1\n")), "/etc/hosts"]
            for inside, outside in self.shared.items():
                walls += ["--bind", str(outside), inside]
            if self.libraries:
                walls += ["--ro-bind", str(self.libraries), str(self.libraries)]
            return Launch([*walls, "--", *command], environment, "/")
        (self.folder / "tmp").mkdir(exist_ok=True)
        own = {"HOME": str(self.folder / "tmp"), "TMPDIR": str(self.folder / "tmp"), "SAGEMAKER_BASE_DIR": str(self.ml)}
        environment = {name: self.translated(value) for name, value in environment.items()} | own
        return Launch([self.translated(word) for word in command], environment, self.translated(folder))

    def translated(self, text: str) -> str:
        """Text in which paths below /opt/ml are those of this machine."""
        if text == ML:
            return str(self.ml)
        for inside, outside in self.shared.items():
            text = text.replace(f"{inside}/", f"{outside}/")
        return text.replace(f"{ML}/", f"{self.ml}/")

    def _etc(self, name: str, content: str) -> Path:
        path = self.folder / f"etc-{name}"
        path.write_text(content)
        return path


def _walls() -> list[str]:
    """bubblewrap's arguments that every job has: programs to read, nothing else of this machine, no network."""
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
    walls += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--tmpfs", "/opt", "--tmpfs", "/run"]  # noqa: S108
    walls += ["--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        path = Path("/") / name
        if path.is_symlink():
            walls += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            walls += ["--ro-bind", str(path), str(path)]
    for name in ("ld.so.cache", "alternatives", "ssl", "localtime", "passwd", "group", "nsswitch.conf", "mime.types"):
        walls += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    for program in sorted({sys.prefix, sys.base_prefix, sysconfig.get_paths()["stdlib"], str(CONTAINER)}):
        if not program.startswith("/usr/"):
            walls += ["--ro-bind", program, program]
    return walls
