"""The packages that a job's requirements.txt asks for beyond the container, installed before the job starts."""

import contextlib
import hashlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from weakref import WeakValueDictionary

from packaging.markers import UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement

from recore.simulator.images.catalogue import family_of
from recore.simulator.images.python_environment import PythonEnvironment
from recore.simulator.isolation.instances import Instance
from recore.simulator.isolation.sandbox import ML, Isolation, Launch, Sandbox
from recore.simulator.jobs.failure import JobFailed
from recore.simulator.jobs.logs import JobLog
from recore.simulator.jobs.output_files import Check, CheckedReader, OutputFolder
from recore.simulator.jobs.queue import Job, remove
from recore.simulator.jobs.reasons import exceeded, start_of

INSTALL_SECONDS = 1800
PART = 1 << 20  # bytes that are read at a time
LARGEST = 1 << 20  # bytes of a requirements.txt
LARGEST_REPORT = 256 << 20  # bytes of what pip says of the packages that it would install


class PackageInstaller:
    """Installs packages into subfolders of `folder`, one for each set of requirements."""

    def __init__(self, folder: Path, isolation: Isolation):
        self._folder, self._isolation = folder, isolation
        self._installing: WeakValueDictionary[str, threading.Lock] = WeakValueDictionary()  # while a job has the lock
        self._lock = threading.Lock()  # of that dictionary

    def install(
        self, job: Job, image: str, requirements: Path, log: JobLog, instance: Instance | None, folder: Path
    ) -> Path | None:
        """Install the packages of a requirements.txt that the container lacks, into a folder of their own.

        The same requirements are installed once. None where jobs run with a Python of this machine that lacks nothing.
        What is installed never enters this environment. Packages of the index come as wheels, so that none of their
        code runs in this step, which has the network; packages in the source are built in a sandbox that has none.
        requirements: a path without links. instance: whose memory, processors and volume pip may use. folder: where it
        works. Raises JobFailed or JobStopped.
        """
        text = start_of(requirements, LARGEST + 1)
        if len(text) > LARGEST:
            raise JobFailed(f"AlgorithmError: requirements.txt is larger than {LARGEST >> 10} KiB")
        named, local = _lines(text.decode("utf-8", "replace"))
        if self._isolation.local_python and not local:
            python = family_of(image).python()
            if all(_is_here(requirement, python) for requirement in named):
                return None
        source = OutputFolder(requirements.parent, ML)
        digest = _digest(image.encode() + b"\0" + text, source if local else None, job.raise_if_stopping)
        target = self._folder / digest
        with self._alone(digest, job):
            if target.is_dir():
                return target
            part = folder / "install"
            (part / "ml/packages").mkdir(parents=True)
            sandbox = Sandbox(part, self._isolation, image)
            log.show(sandbox.ml, ML)  # pip runs outside of the sandbox where it has the network
            self._from_index(job, named, sandbox, log, instance)
            self._from_source(job, local, source, sandbox, log, instance)
            target.parent.mkdir(exist_ok=True)
            packages = OutputFolder(sandbox.ml, f"{ML}/packages")
            if not packages.exists():  # or what was built has put a link in its place
                raise JobFailed("AlgorithmError: requirements.txt cannot be installed: a package removed the others")
            packages.path.rename(target)
            remove(part, job.raise_if_stopping)
            return target

    @contextlib.contextmanager
    def _alone(self, digest: str, job: Job) -> Iterator[None]:
        """Within, no other job installs the same. Raises JobStopped where the job must end before that is so."""
        with self._lock:
            lock = self._installing.setdefault(digest, threading.Lock())
        while not lock.acquire(timeout=0.2):
            job.raise_if_stopping()
        try:
            yield
        finally:
            lock.release()

    @staticmethod
    def _from_index(
        job: Job, named: list[Requirement], sandbox: Sandbox, log: JobLog, instance: Instance | None
    ) -> None:
        """Ask pip what must come, beside what is here, and have it put that, and no more, in the folder."""
        if not named:
            return
        pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"]
        command = [*pip, "--dry-run", "--report", f"{ML}/report.json", *map(str, named)]
        _run(job, sandbox.isolation.networked(sandbox, command), log, instance)
        found = json.loads(start_of(sandbox.ml / "report.json", LARGEST_REPORT))["install"]
        wanted = [f"{item['metadata']['name']}=={item['metadata']['version']}" for item in found]
        command = [*pip, "--no-deps", "--target", f"{ML}/packages", *wanted]
        if wanted:
            _run(job, sandbox.isolation.networked(sandbox, command), log, instance)

    @staticmethod
    def _from_source(
        job: Job, local: list[str], source: OutputFolder, sandbox: Sandbox, log: JobLog, instance: Instance | None
    ) -> None:
        """Build packages that lie in the job's source, where the toolkit has it too: /opt/ml/code."""
        if not local:
            return
        source.copy(sandbox.ml / "code", job.raise_if_stopping)
        command = ["python", "-m", "pip", "install", "--quiet", "--no-deps", "--target", f"{ML}/packages", *local]
        launch = sandbox.launch(command, {"PIP_DRY_RUN": "0"}, f"{ML}/code")
        _run(job, launch, log, instance)


def _lines(requirements: str) -> tuple[list[Requirement], list[str]]:
    """What is asked for by name, and what by a path in the source. Raises JobFailed for anything else."""
    named, local = [], []
    for line in requirements.splitlines():
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


def _is_here(requirement: Requirement, python: PythonEnvironment) -> bool:
    """Whether the container has it, or it is for another platform."""
    try:
        if requirement.marker and not requirement.marker.evaluate(dict(python.markers)):
            return True
    except (UndefinedComparison, UndefinedEnvironmentName) as error:
        reason = f"'{requirement}': {error}"[:300]
        raise JobFailed(f"AlgorithmError: requirements.txt cannot be installed: {reason}") from None
    version = python.version_of(requirement.name)
    return version is not None and not requirement.extras and requirement.specifier.contains(version, prereleases=True)


def _digest(begun: bytes, source: OutputFolder | None, check: Check) -> str:
    """Of what it begins with, and of all files of a source that paths may lead to."""
    digest = hashlib.sha256(begun)
    for file in source.files(check) if source else []:
        if file.size is not None and not file.is_link:
            digest.update(f"\0{file.name}\0".encode(errors="surrogateescape"))
            with file.open() as content:
                reader = CheckedReader(content, file.size, check)
                while part := reader.read(PART):
                    digest.update(part)
    return digest.hexdigest()[:24]


def _run(job: Job, launch: Launch, log: JobLog, instance: Instance | None) -> None:
    """Run pip. Raises JobFailed where it does not end well."""
    ending = job.run(launch, log, INSTALL_SECONDS, instance)
    job.raise_if_stopping()
    if ending.reason == "time":
        raise JobFailed(f"AlgorithmError: requirements.txt was not installed within {INSTALL_SECONDS} seconds")
    if limit := exceeded(ending, instance):
        raise JobFailed(f"AlgorithmError: requirements.txt cannot be installed: {limit}")
    if ending.code != 0:
        said = [line for line in log.tail if line.startswith("ERROR: ")] or list(log.tail)[-1:] or ["pip said nothing"]
        raise JobFailed(f"AlgorithmError: requirements.txt cannot be installed: {said[-1][:500]}")
