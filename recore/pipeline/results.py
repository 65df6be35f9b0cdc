"""Where runs are kept: a folder for each, whole or not at all, and what its run.json holds."""

import errno
import hashlib
import itertools
import json
import os
import shutil
import subprocess
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from platform import platform, python_version
from types import TracebackType
from typing import Any

from recore import locked
from recore.pipeline.requests import ENVIRONMENT
from recore.pipeline.run import Run

PART = ".part"  # what a run in the making is named by
PACKAGES = ("boto3", "numpy", "pandas", "pyarrow", "scikit-learn", "scipy")


class RunFolder:
    """A run's folder in the making: under a temporary name while the context lasts, gone after it if not kept.

    target: the name that it is to have. What runs that were killed left half beside it is removed. Raises
    FileExistsError where a run of this name is there.
    """

    def __init__(self, target: Path):
        self.target = target
        if target.exists() or target.is_symlink():
            raise FileExistsError(f"{target}: there already; an earlier run is never replaced, give --out another name")

    def __enter__(self) -> "RunFolder":
        self.target.parent.mkdir(parents=True, exist_ok=True)
        self.path, self._lock = locked.make(self.target.parent, ".run-", PART)
        os.umask(mask := os.umask(0))
        self.path.chmod(0o777 & ~mask)
        return self

    def keep(self) -> Path:
        """Give the folder its name, with a number where another run took it meanwhile; the folder."""
        for number in itertools.count(1):
            kept = self.target.with_name(self.target.name if number == 1 else f"{self.target.name}-{number}")
            try:
                if not kept.exists() and not kept.is_symlink():
                    return self.path.rename(kept)
            except OSError as error:
                if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                    raise
        raise AssertionError

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.close()


def record(run: Run, about: dict[str, Any]) -> dict[str, Any]:
    """All of a run that is needed to repeat it, and what came of it. about: what the caller knows, such as arguments."""
    files = {name: hashlib.sha256(content).hexdigest() for name, content in sorted(run.submission.files.items())}
    steps = [
        {
            **{member: getattr(step, member) for member in ("name", "kind", "job", "state")},
            "began": None if step.began is None else round(step.began - run.began, 3),
            "seconds": None if step.seconds is None else round(step.seconds, 3),
            "memory_percent": step.memory,
            "reason": step.reason,
            "outside": step.outside,
            "log": f"logs/{step.log}" if (run.folder / "logs" / step.log).exists() else None,
        }
        for step in run.steps.values()
    ]
    return {
        "name": run.settings.name,
        "state": run.state,
        "started": run.started.isoformat(timespec="seconds"),
        "seconds": round(run.seconds, 3),
        **about,
        "submission": {"path": str(run.submission.path), "sha256": run.submission.sha256, "files": files},
        "score_script": {"sha256": hashlib.sha256(run.score).hexdigest()},
        "data": {name: {"path": str(path), "sha256": run.hashes.get(name)} for name, path in run.data.files.items()},
        "settings": asdict(run.settings),
        "seeds": ENVIRONMENT,
        "versions": versions(),
        "steps": steps,
        "scores": {side: asdict(score) for side, score in run.scores().items()},
    }


def versions() -> dict[str, str | None]:
    """Of this machine and of recore: its commit, where git knows it."""
    here = Path(__file__).parent
    git = shutil.which("git")
    described = ""
    if git:
        command = [git, "-C", str(here), "describe", "--always", "--dirty", "--abbrev=40"]
        described = subprocess.run(command, capture_output=True, text=True).stdout.strip()
    return {
        "recore": described or None,
        "platform": platform(),
        "python": python_version(),
        **{name: version(name) for name in PACKAGES},
    }


def write(record: dict[str, Any], folder: Path) -> None:
    (folder / "run.json").write_text(json.dumps(record, indent=1) + "\n", "utf-8")
