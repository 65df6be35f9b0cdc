"""What the kinds of job share: records, the queue, S3 and Logs, and how strictly jobs are kept apart."""

import hashlib
import json
import os
import shutil
import sys
import threading
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement

from recore.simulator.failure import JobFailed, JobStopped
from recore.simulator.logs import JobLog
from recore.simulator.objects import check_own
from recore.simulator.running import Ending, Job, Jobs, remove
from recore.simulator.sandbox import Launch, Sandbox
from recore.simulator.store import Store

INSTALL_SECONDS = 1800
# memory: by family, the longest beginning of its name first; by type, where the rule does not hold
GIB_PER_CPU = {
    "g6e": 8,
    "gr6": 8,
    "p4": 12,
    "p5": 10,
    "inf": 2,
    "c": 2,
    "m": 4,
    "t": 4,
    "r": 8,
    "x": 16,
    "g": 4,
    "p": 8,
}
GIB = {"ml.t2.medium": 4, "ml.t3.medium": 4, "ml.t4g.medium": 4}
SKLEARN_FAMILY = ("scikit-learn", "sklearn")


@dataclass
class Platform:
    """The machinery of one simulator. s3, logs, cloudwatch: boto3 clients of it. enforced: jobs run under bubblewrap."""

    store: Store
    jobs: Jobs
    s3: Any
    logs: Any
    cloudwatch: Any
    enforced: bool
    folder: Path
    _installing: threading.Lock = field(default_factory=threading.Lock)

    def sandbox(self, job: Job, requirements: Path | None, log: JobLog, **shared: Path) -> Sandbox:
        """A job's sandbox, with what its requirements.txt asks for beyond the container installed beforehand."""
        libraries = self.install(job, requirements, log) if requirements and requirements.is_file() else None
        return Sandbox(job.folder, self.enforced, libraries, {f"/run/{name}": path for name, path in shared.items()})

    def install(self, job: Job, requirements: Path, log: JobLog) -> Path | None:
        """What the container lacks of a requirements.txt, in a folder of its own, once for the same content.

        None where nothing lacks. What is installed never enters this environment. Packages of the index come as
        wheels, so that no code of theirs runs in this step, which has the network; packages in the source are built
        in a sandbox that has none. Raises JobFailed.
        """
        named, local = _lines(requirements)
        if all(_is_here(requirement) for requirement in named) and not local:
            return None
        target = self.folder / "libraries" / _digest(requirements, local)
        while not self._installing.acquire(timeout=0.2):
            if job.stopping.is_set():
                raise JobStopped
        part = job.folder / "install"
        try:
            if target.is_dir():
                return target
            (part / "ml/packages").mkdir(parents=True)
            self._from_index(job, named, part, log)
            self._from_source(job, local, requirements.parent, part, log)
            target.parent.mkdir(exist_ok=True)
            check_own((part / "ml/packages").absolute())  # what was built could have put a link in its place
            (part / "ml/packages").rename(target)
            return target
        finally:
            self._installing.release()
            remove(part)

    @staticmethod
    def _from_index(job: Job, named: list[Requirement], part: Path, log: JobLog) -> None:
        """Ask pip what must come, beside what is here, and have it put that, and no more, in the folder."""
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"]
        environment = {name: value for name, value in os.environ.items() if name not in ("PIP_TARGET", "PIP_USER")}
        report = part / "report.json"
        command = [*pip, "--dry-run", "--report", str(report), *map(str, named)]
        if named:
            _check(job.run(Launch(command, environment, str(part)), log, INSTALL_SECONDS), log)
        found = json.loads(report.read_text("utf-8"))["install"] if named else []
        wanted = [f"{item['metadata']['name']}=={item['metadata']['version']}" for item in found]
        command = [*pip, "--no-deps", "--target", str(part / "ml/packages"), *wanted]
        if wanted:
            _check(job.run(Launch(command, environment, str(part)), log, INSTALL_SECONDS), log)

    def _from_source(self, job: Job, local: list[str], source: Path, part: Path, log: JobLog) -> None:
        """Build packages that lie in the job's source, where the toolkit has it too: /opt/ml/code."""
        if not local:
            return
        shutil.copytree(source, part / "ml/code", symlinks=True)
        command = ["python", "-m", "pip", "install", "--quiet", "--no-deps", "--target", "/opt/ml/packages", *local]
        launch = Sandbox(part, self.enforced).launch(command, {"PIP_DRY_RUN": "0"}, "/opt/ml/code")
        _check(job.run(launch, log, INSTALL_SECONDS), log)


def memory_of(instance_type: str) -> int:
    """Bytes of memory of an instance type such as ml.m5.xlarge: its own, or by its family's rule."""
    _, family, size = instance_type.split(".", 2)
    if instance_type in GIB:
        return GIB[instance_type] << 30
    number = size.removesuffix("xlarge")
    cpus = 4 * int(number or 1) if size.endswith("xlarge") and (number.isdecimal() or not number) else 2
    per_cpu = next((gib for name, gib in GIB_PER_CPU.items() if family.startswith(name)), 4)
    return (per_cpu * cpus) << 30


def sklearn_image(image: str) -> bool:
    """Whether an image is of the scikit-learn family, which the container room stands in for."""
    name = image.rpartition("/")[2].partition("@")[0].partition(":")[0]
    return any(word in name for word in SKLEARN_FAMILY)


def _lines(requirements: Path) -> tuple[list[Requirement], list[str]]:
    """What is asked for by name, and what by a path in the source. Raises JobFailed for anything else."""
    named, local = [], []
    for line in requirements.read_text("utf-8", "replace").splitlines():
        text = line.partition(" #")[0].strip()
        if not text or text.startswith("#"):
            continue
        if text.startswith((".", "/", "file:")):
            local.append(text)
            continue
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            requirement = None
        if requirement is None or (requirement.url and not requirement.url.startswith("file:")):
            raise JobFailed(
                f"AlgorithmError: requirements.txt cannot be installed: '{text[:200]}' is neither a package of the "
                "index by its name nor a path in the source"
            )
        if requirement.url:
            local.append(text)
        else:
            named.append(requirement)
    return named, local


def _is_here(requirement: Requirement) -> bool:
    """Whether the container has it, or it is for another platform."""
    if requirement.marker and not requirement.marker.evaluate():
        return True
    try:
        return not requirement.extras and requirement.specifier.contains(version(requirement.name), prereleases=True)
    except PackageNotFoundError:
        return False


def _digest(requirements: Path, local: list[str]) -> str:
    """Of the text, and where it names paths, of the files that they may lead to."""
    digest = hashlib.sha256(requirements.read_bytes())
    for path in sorted(requirements.parent.rglob("*")) if local else []:
        if path.is_file() and not path.is_symlink():
            digest.update(f"\0{path.relative_to(requirements.parent)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:24]


def _check(ending: Ending, log: JobLog) -> None:
    """Raise where pip did not end well."""
    if ending.reason == "stopped":
        raise JobStopped
    if ending.reason == "time":
        raise JobFailed(f"AlgorithmError: requirements.txt was not installed within {INSTALL_SECONDS} seconds")
    if ending.code != 0:
        said = [line for line in log.tail if line.startswith("ERROR: ")] or list(log.tail)[-1:] or ["pip said nothing"]
        raise JobFailed(f"AlgorithmError: requirements.txt cannot be installed: {said[-1][:500]}")
