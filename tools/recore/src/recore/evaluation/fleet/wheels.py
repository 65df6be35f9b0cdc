"""Wheels of packages that submissions require but the container lacks, fetched once for each distinct requirements.txt.

No job of a submission has network access. The job that fetches wheels does, but it sees only the names of the packages
and runs none of their code: its role can read the round's files, so pip gets no line of the submission's own text and
can start no process.
"""

import contextlib
import hashlib
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from recore.backends import Services
from recore.evaluation.job_requests import OUTPUTS, PREFIX, PROCESSING, RunSettings, processing_arguments
from recore.evaluation.job_runner import JobRunner, StepFailed, StepStopped
from recore.evaluation.step import Step
from recore.evaluation.storage import list_objects, remove_runs
from stagemaker import CONTAINER, INDEX_FAULT, container_packages, read_requirements

PROGRAM = CONTAINER / "pip_wheels.py"
REQUIREMENTS = "requirements.txt"
MAX_BYTES = 2 << 30  # maximum total size of a submission's wheels, which become part of its model


@dataclass(frozen=True)
class Wheels:
    """A submission's wheels. uri: the S3 URI of their folder. files: local paths by name."""

    uri: str
    files: Mapping[str, Path]


def needs_more_packages(requirements: bytes) -> bool:
    """Return whether a requirements.txt lists anything that the container does not have."""
    installed = {name.lower(): version for name, version in container_packages().items()}
    for line in read_requirements(requirements):
        if line.spec and line.applies:
            version = installed.get(line.name)
            if not line.requirement or version is None or not line.requirement.specifier.contains(version, True):
                return True
    return False


def list_packages(requirements: bytes) -> bytes:
    """Return a requirements.txt that lists only packages from the index, their hashes and options that jobs support.

    Raises StepFailed if the file lists anything else, because pip could run code from other sources.
    """
    lines = read_requirements(requirements)
    for line in lines:
        if line.kind not in ("package", "option") or line.unsupported_options:
            raise StepFailed(f"{REQUIREMENTS}, line {line.number}: {str(line)[:80]!r} is not a package from the index")
    return "".join(f"{line.for_pip}\n" for line in lines).encode()


def packages_to_fetch(files: Mapping[str, bytes]) -> bytes | None:
    """Return the packages to fetch, or None if the container has all of them. Raises StepFailed like list_packages."""
    requirements = files.get(REQUIREMENTS, b"")
    return list_packages(requirements) if needs_more_packages(requirements) else None


def count_package_lists(submissions: Iterable[Mapping[str, bytes]]) -> int:
    """Return the number of jobs that fetch packages for submissions: one for each distinct valid list."""
    lists: set[bytes | None] = set()
    for files in submissions:
        with contextlib.suppress(StepFailed):
            lists.add(packages_to_fetch(files))
    return len(lists - {None})


class WheelHouse:
    """Context manager that fetches wheels, with one job for each distinct list, and removes them at the end.

    settings: the jobs' settings; names and keys begin with settings.name. folder: the folder for wheels, and for job
    logs, which are kept. say: a function called with a message if packages cannot be fetched.
    """

    def __init__(self, services: Services, settings: RunSettings, folder: Path, say: Callable[[str], None]) -> None:
        self._services, self._settings, self._print_line = services, settings, say
        self._wheels, self._logs = folder / "wheels", folder / "logs"
        self._cache: dict[bytes, Wheels | None] = {}
        self._lock, self._is_used = threading.Lock(), False

    def get_wheels(self, files: Mapping[str, bytes], stopping: threading.Event) -> Wheels | None:
        """Return a submission's wheels, or None if it needs none or they cannot be fetched (training then fails).

        stopping: an event that stops the job. Raises OSError if the submission is not the cause.
        """
        try:
            if (packages := packages_to_fetch(files)) is None:
                return None
            with self._lock:  # other threads that need the same packages wait
                if packages not in self._cache:
                    self._cache[packages] = None
                    try:
                        self._cache[packages] = self._fetch(packages, stopping)
                    except OSError:
                        del self._cache[packages]  # the next submission tries again
                        raise
                return self._cache[packages]
        except StepFailed as error:
            self._print_line(f"packages cannot be fetched: {error}")
        except StepStopped:
            pass  # the run of the submission will be stopped, too
        return None

    def __enter__(self) -> "WheelHouse":
        shutil.rmtree(self._wheels, ignore_errors=True)  # left by a killed command
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._wheels, ignore_errors=True)
        if self._is_used:
            try:
                remove_runs(self._services.s3, self._settings.bucket, f"{self._settings.name}/")
            except (StepFailed, ClientError, BotoCoreError) as error:
                self._print_line(f"packages could not be removed from the bucket: {error}")

    def _fetch(self, packages: bytes, stopping: threading.Event) -> Wheels:
        settings, s3 = self._settings, self._services.s3
        digest = hashlib.sha256(packages).hexdigest()[:12]
        prefix = f"{PREFIX}/{settings.name}/wheels-{digest}"
        name, uri = f"{settings.name}-wheels-{digest}", f"s3://{settings.bucket}/{prefix}"
        request = wheels_request(settings, name, uri)
        runner = JobRunner(self._services, self._logs)
        runner.stopping = stopping
        self._is_used = True
        with _raise_outside_faults(Step(f"packages {digest}", "ProcessingJob")) as step, runner.step(step):
            for key, content in (
                (f"code/{PROGRAM.name}", PROGRAM.read_bytes()),
                (f"requirements/{REQUIREMENTS}", packages),
            ):
                s3.put_object(Bucket=settings.bucket, Key=f"{prefix}/{key}", Body=content)
            runner.run(step, request)
            files = self._download(settings.key(OUTPUTS, name, ""), self._wheels / digest)
            for wheel, path in files.items():
                s3.upload_file(str(path), settings.bucket, f"{prefix}/wheels/{wheel}")
            return Wheels(f"{uri}/wheels", files)

    def _download(self, prefix: str, folder: Path) -> dict[str, Path]:
        s3, bucket = self._services.s3, self._settings.bucket
        folder.mkdir(parents=True)
        files: dict[str, Path] = {}
        size = 0
        for item in list_objects(s3, bucket, prefix):
            size += item["Size"]
            if size > MAX_BYTES:
                raise StepFailed(f"the packages of {REQUIREMENTS} are larger than {MAX_BYTES >> 30} GB")
            name = item["Key"].removeprefix(prefix)
            if Path(name).name != name:
                raise StepFailed(f"{name!r} is not a valid wheel name")
            files[name] = folder / name
            s3.download_file(bucket, item["Key"], str(files[name]))
        return files


@contextlib.contextmanager
def _raise_outside_faults(step: Step) -> Iterator[Step]:
    try:
        yield step
    except StepFailed as error:
        if step.outside or INDEX_FAULT in str(error):
            raise OSError(f"packages cannot be fetched: {error}; repeat the command") from error
        raise


def wheels_request(settings: RunSettings, name: str, uri: str) -> dict[str, object]:
    """Return the request for a job that fetches wheels, with network access but without data."""
    request = processing_arguments(
        settings.image,
        settings.role,
        settings.processing.request,
        PROGRAM.name,
        arguments={
            "download": "--quiet",
            "--dest": f"{PROCESSING}/output/wheels",
            "--requirement": f"{PROCESSING}/input/requirements/{REQUIREMENTS}",
        },
        inputs={folder: f"{uri}/{folder}" for folder in ("code", "requirements")},
        output="wheels",
        output_uri=settings.uri(OUTPUTS, name),
    )
    return {"ProcessingJobName": name} | request | {"NetworkConfig": {"EnableNetworkIsolation": False}}
