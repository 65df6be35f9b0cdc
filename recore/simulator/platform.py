"""What the kinds of job share: records, the queue, S3 and Logs, and how strictly jobs are kept apart."""

import hashlib
import shutil
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recore.simulator.failure import JobFailed
from recore.simulator.logs import JobLog
from recore.simulator.running import Job, Jobs
from recore.simulator.sandbox import Sandbox
from recore.simulator.store import Store

GIB_PER_CPU = {"c": 2, "m": 4, "t": 4, "r": 8, "g": 4, "p": 8}
SKLEARN_FAMILY = ("scikit-learn", "sklearn")


@dataclass
class Platform:
    """The machinery of one simulator. s3, logs: boto3 clients of it. enforced: jobs run under bubblewrap."""

    store: Store
    jobs: Jobs
    s3: Any
    logs: Any
    enforced: bool
    folder: Path
    _installing: threading.Lock = field(default_factory=threading.Lock)

    def sandbox(self, job: Job, requirements: Path | None, log: JobLog, **shared: Path) -> Sandbox:
        """A job's sandbox, with what its requirements.txt asks for beyond the container installed beforehand."""
        libraries = self.install(requirements, log) if requirements and requirements.is_file() else None
        return Sandbox(job.folder, self.enforced, libraries, {f"/run/{name}": path for name, path in shared.items()})

    def install(self, requirements: Path, log: JobLog) -> Path:
        """Packages of a requirements.txt in a folder of their own, once for the same text. Raises JobFailed.

        This step has the network and no data of the job; what is installed never enters this environment.
        """
        text = requirements.read_bytes()
        target = self.folder / "libraries" / hashlib.sha256(text).hexdigest()[:24]
        with self._installing:
            if target.is_dir():
                return target
            part = Path(tempfile.mkdtemp(dir=self.folder))
            (part / "requirements.txt").write_bytes(text)
            wanted = self._missing(part / "requirements.txt")
            if wanted:
                command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
                command += ["--no-cache-dir", "--target", str(part / "packages"), "-r", str(part / "requirements.txt")]
                done = subprocess.run(command, cwd=part, capture_output=True, text=True)
                for line in (done.stdout + done.stderr).splitlines():
                    log.line(line)
                if done.returncode:
                    raise JobFailed(f"AlgorithmError: requirements.txt cannot be installed: {_last(done.stderr)}")
            (part / "packages").mkdir(exist_ok=True)
            target.parent.mkdir(exist_ok=True)
            (part / "packages").rename(target)
            shutil.rmtree(part)
            return target

    def _missing(self, requirements: Path) -> bool:
        """Whether the container lacks something that is asked for: pip, without an index, cannot find it here."""
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--no-index", "--no-deps"]
        command += ["--disable-pip-version-check", "-r", str(requirements)]
        return subprocess.run(command, capture_output=True).returncode != 0


def memory_of(instance_type: str) -> int:
    """Bytes of memory of an instance type such as ml.m5.xlarge, from its family's rule."""
    _, family, size = instance_type.split(".", 2)
    number = size.removesuffix("xlarge")
    cpus = 4 * int(number or 1) if size.endswith("xlarge") and (number.isdecimal() or not number) else 2
    return (GIB_PER_CPU.get(family[0], 4) * cpus) << 30


def sklearn_image(image: str) -> bool:
    """Whether an image is of the scikit-learn family, which the container room stands in for."""
    name = image.rpartition("/")[2].partition("@")[0].partition(":")[0]
    return any(word in name for word in SKLEARN_FAMILY)


def _last(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "pip said nothing"
