"""Find a job's requirements.txt and, before the job starts, install the packages that the container lacks."""

import hashlib
import json
import os
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from packaging.markers import UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import Requirement

from stagemaker.archive_members import CheckedReader
from stagemaker.compute.failure import JobFailed
from stagemaker.compute.files.output_files import OutputFolder, StopCheck
from stagemaker.compute.files.removal import remove
from stagemaker.compute.job import Job
from stagemaker.compute.logs.log_stream import JobLog
from stagemaker.compute.processes.reasons import exceeded_limit, read_start
from stagemaker.container.pip_wheels import INDEX_FAULT
from stagemaker.images.catalogue import family_of
from stagemaker.images.python_environment import PythonEnvironment
from stagemaker.isolation.instances import Instance
from stagemaker.isolation.sandbox import ML, Isolation, Launch, Sandbox
from stagemaker.locked import hold_lock
from stagemaker.requirements_file import RequirementLine, read_requirements

INSTALL_SECONDS = 1800
READ_SIZE = 1 << 20  # bytes that are read at a time
MAX_REQUIREMENTS_BYTES = 1 << 20  # maximum size of a requirements.txt
MAX_DESCRIPTION_BYTES = 1 << 20  # maximum size of the SDK's description of a source
MAX_NAMES = 5  # maximum number of packages that an announcement lists
MAX_REPORT_BYTES = 256 << 20  # maximum size of pip's report of the packages that it would install


@dataclass(frozen=True)
class RequirementsFile:
    """A requirements file and the source folder that contains it, in which pip runs. Both paths are resolved."""

    source: Path
    file: Path


def find_requirements(source: Path, description: Path | None = None) -> RequirementsFile | None:
    """Return the requirements file in a script's source folder, or None if it has none.

    description: the SDK's description of the source, which may specify another file or none. Raises JobFailed.
    """
    name = "requirements.txt"
    if description and description.is_file():
        try:
            name = json.loads(read_start(description, MAX_DESCRIPTION_BYTES)).get("requirements") or ""
        except (ValueError, AttributeError, RecursionError):
            name = ""
    if not isinstance(name, str):
        raise JobFailed("ClientError: the value of 'requirements' in sourcecode.json is not a file name")
    try:
        folder, path = source.resolve(), (source / name).resolve()
        if path.is_relative_to(folder):
            return RequirementsFile(folder, path) if path.is_file() else None
    except (OSError, RuntimeError, ValueError):  # a loop of symbolic links, or an invalid name
        reason = "the requirements file in the source has an invalid name, or is part of a loop of symbolic links"
        raise JobFailed(f"ClientError: {reason}") from None
    raise JobFailed("ClientError: the requirements file is missing from the source")


class PackageInstaller:
    def __init__(self, folder: Path, isolation: Isolation):
        self._folder, self._isolation = folder, isolation
        self._install_locks: dict[str, threading.Lock] = {}  # by digest

    def install(
        self,
        job: Job,
        image: str,
        requirements: RequirementsFile,
        log: JobLog,
        instance: Instance | None,
        folder: Path,
        announce: Callable[[str], None],
    ) -> Path | None:
        """Install the packages that are missing from the container into a separate folder, and return the folder.

        Return None if the local Python for the image has all required packages. The same requirements are installed
        only once. Packages from the index must be wheels, so that none of their code runs in this step, which has
        network access but none of the host's files and variables; packages in the source are built in a sandbox without
        network access. instance: the limits on pip's resources. folder: the folder in which pip works. Raises JobFailed
        or JobStopped.
        """
        content = read_start(requirements.file, MAX_REQUIREMENTS_BYTES + 1)
        if len(content) > MAX_REQUIREMENTS_BYTES:
            raise _make_failure(f"the file is larger than {MAX_REQUIREMENTS_BYTES >> 10} KiB")
        index_lines, local_paths = _divide(read_requirements(content))
        missing_lines = [line.requirement for line in index_lines if line.requirement]
        if self._isolation.uses_local_python:
            python = family_of(image).python(image)
            missing_lines = [requirement for requirement in missing_lines if not _is_satisfied(requirement, python)]
            if not missing_lines and not local_paths:
                return None
        source = OutputFolder(requirements.source, ML)
        digest = digest_of(image, content, source if local_paths else None, job.raise_if_stopping)
        target = self._folder / digest
        if not target.is_dir():
            names = [*(requirement.name for requirement in missing_lines), *local_paths]
            suffix = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
            announce(f"Installing requirements.txt: {', '.join(names[:MAX_NAMES])}{suffix}")
        with hold_lock(self._install_locks.setdefault(digest, threading.Lock()), lambda: None, job.raise_if_stopping):
            if target.is_dir():
                return target
            install_folder = folder / "install"
            (install_folder / "ml/packages").mkdir(parents=True)
            sandbox = Sandbox(install_folder, self._isolation, image)
            run_pip = partial(_run_pip, job, log, instance)
            with log.replacing_path(sandbox.ml, ML):  # without a sandbox, pip prints local paths
                if index_lines:
                    _install_from_index(index_lines, sandbox, run_pip)
                if local_paths:
                    # pip finds the source at /opt/ml/code, as with the toolkit
                    source.copy(sandbox.ml / "code", job.raise_if_stopping)
                    command = ["python", "-m", "pip", "install", "--quiet", "--no-deps", "--target", f"{ML}/packages"]
                    run_pip(sandbox.make_launch([*command, *local_paths], {"PIP_DRY_RUN": "0"}, f"{ML}/code"))
            target.parent.mkdir(exist_ok=True)
            packages = OutputFolder(sandbox.ml, f"{ML}/packages")
            if not packages.exists():  # `exists` raises JobFailed if a build replaced it with a symbolic link
                raise _make_failure("a package's build deleted the folder of installed packages")
            packages.path.rename(target)
            remove(install_folder, job.raise_if_stopping)
            return target


def _install_from_index(lines: list[RequirementLine], sandbox: Sandbox, run_pip: Callable[[Launch], None]) -> None:
    """Install exactly the packages that pip reports as missing from the container, with the requirements' hashes.

    The report contains what an index says, so of each package only a name and a version are taken from it.
    """
    isolation = sandbox.isolation
    sandbox = replace(sandbox, index=isolation.package_index(sandbox.image))

    def run(lines: Iterable[str], *options: str) -> None:
        (sandbox.ml / "requirements.txt").write_text("\n".join(lines))
        command = [*isolation.pip_wheels(), "install", "--quiet", *options, "--requirement", f"{ML}/requirements.txt"]
        run_pip(sandbox.make_launch(command, {"PIP_CACHE_DIR": f"{ML}/cache"}))  # for both runs

    run((line.for_pip for line in lines), "--dry-run", "--report", f"{ML}/report.json")
    plan = json.loads(read_start(sandbox.ml / "report.json", MAX_REPORT_BYTES))["install"]
    hashes: defaultdict[str, tuple[str, ...]] = defaultdict(tuple)
    for line in lines:
        hashes[line.name] += line.options  # of lines with other markers, too
    if plan:
        run((_pin(item["metadata"], hashes) for item in plan), "--no-deps", "--target", f"{ML}/packages")


def _pin(metadata: dict[str, Any], hashes: defaultdict[str, tuple[str, ...]]) -> str:
    line = RequirementLine(0, f"{metadata['name']}=={metadata['version']}")
    try:
        return replace(line, options=hashes[line.name]).for_pip
    except ValueError:
        raise _make_failure(f"an index has a package with an invalid name or version: {line.spec[:200]!r}") from None


def _divide(lines: Iterable[RequirementLine]) -> tuple[list[RequirementLine], list[str]]:
    index_lines, local_paths = [], []
    for line in lines:
        if options := " ".join(line.unsupported_options)[:200]:
            raise _make_failure(f"line {line.number}: jobs do not support the option '{options}'")
        if line.kind in ("address", "invalid"):
            reason = f"'{line.spec[:200]}' is neither the name of a package on the index nor a path in the source"
            raise _make_failure(f"line {line.number}: {reason}")
        if line.kind == "path":
            local_paths.append(line.spec)
        else:
            index_lines.append(line)
    return index_lines, local_paths


def _is_satisfied(requirement: Requirement, python: PythonEnvironment) -> bool:
    """Return whether the container satisfies a requirement. Requirements for other platforms count as satisfied."""
    try:
        if requirement.marker and not requirement.marker.evaluate(dict(python.markers)):
            return True
    except (UndefinedComparison, UndefinedEnvironmentName) as error:
        raise _make_failure(f"'{requirement}': {error}"[:300]) from None
    version = python.version_of(requirement.name)
    return version is not None and not requirement.extras and requirement.specifier.contains(version, prereleases=True)


def digest_of(image: str, requirements: bytes, source: OutputFolder | None, raise_if_stopping: StopCheck) -> str:
    """Return a digest of an image's name, a requirements file's content, and all files in the source, if any."""
    digest = hashlib.sha256()

    def add(*values: bytes) -> None:
        for value in values:
            digest.update(b"%d:%b" % (len(value), value))

    add(image.encode(), requirements)
    if source is None:
        return digest.hexdigest()[:24]
    for file in source.files(raise_if_stopping):
        add(os.fsencode(file.name))
        if file.is_link:
            add(b"link", os.fsencode(os.readlink(source.path / file.name)))
        elif file.info is None or file.size is None:
            add(b"folder")
        else:
            digest.update(b"file of %d bytes, mode %o:" % (file.size, file.info.st_mode))
            with file.open() as content:
                reader = CheckedReader(content, file.size, raise_if_stopping)
                while part := reader.read(READ_SIZE):
                    digest.update(part)
    return digest.hexdigest()[:24]


def _run_pip(job: Job, log: JobLog, instance: Instance | None, launch: Launch) -> None:
    ending = job.run_process(launch, log, INSTALL_SECONDS, instance)
    job.raise_if_stopping()
    if ending.reason == "time":
        raise _make_failure(f"pip was stopped after {INSTALL_SECONDS} seconds")
    if limit := exceeded_limit(ending, instance):
        raise _make_failure(limit)
    if ending.code == os.EX_TEMPFAIL:
        raise _make_failure(INDEX_FAULT.partition(": ")[2], "InternalServerError")
    if ending.code != 0:
        raise _make_failure(_pip_failure_reason(list(log.tail))[:500])


def _make_failure(reason: str, kind: str = "AlgorithmError") -> JobFailed:
    return JobFailed(f"{kind}: requirements.txt could not be installed: {reason}")


def _pip_failure_reason(lines: list[str]) -> str:
    """Return why pip failed. If a build failed, its quoted output ends with the reason."""
    quoted_reasons = [last_line.strip() for last_line, line in pairwise(lines) if line.strip() == "[end of output]"]
    titles = [line.removeprefix("\u00d7 ") for line in lines if line.startswith("\u00d7 ")]
    reasons = [line for line in lines if line.startswith("ERROR: ")] or quoted_reasons or titles or lines
    return reasons[-1] if reasons else "pip printed nothing"
