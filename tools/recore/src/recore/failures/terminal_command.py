"""Find a terminal command that reproduces only the error of a failed step."""

import builtins
import os
import re
import shlex
import sys
from importlib import metadata, util
from pathlib import Path

from recore.failures.exceptions import LoggedException
from recore.failures.failure_reason import FailedStep
from recore.failures.installation import PIP_FAILURE
from recore.failures.submission_files import requirements_of
from recore.text import plain

# resolves versions as for a new environment, but installs nothing; as in jobs, only wheels are allowed
INSTALL_ARGUMENTS = "-m pip install --dry-run --ignore-installed --only-binary=:all: -r requirements.txt"
TRAIN_COMMAND = "SM_CHANNEL_TRAINING={folder} SM_MODEL_DIR=$(mktemp -d) {python} train.py"
TRAINING_FILE = "public.csv.gz"  # the name of the data in the channel
PREPROCESS = "{python} preprocess.py --input {data} --output $(mktemp)"
VARIABLE = re.compile(r"\bSM_[A-Z_]+")
# A job differs from a terminal in its files, network, packages and memory, so these exceptions are not reproduced.
JOB_ERRORS = (OSError, ImportError, MemoryError)
NETWORK_ERRORS = re.compile(r"(?:URLError|HTTPError|SSLError|ConnectionError|gaierror|Timeout)$")


def find_command(step: FailedStep, submission: Path) -> str | None:
    """Return a command that reproduces the error of a failed step, or None if no command would.

    submission: a folder or archive.
    """
    if step.outside or not submission.is_dir() or not sys.executable:
        return None
    data, exception = step.data, step.exception
    command = None
    if f"{PIP_FAILURE}ERROR: " in (step.reason or "") and (submission / "requirements.txt").is_file():
        # an error that pip reports
        command = f"{shlex.quote(sys.executable)} {INSTALL_ARGUMENTS}" if util.find_spec("pip") else None
    if data and exception and not command and _is_reproducible(exception) and _has_packages(submission):
        command = _start_script(step.name.rpartition(" ")[2], submission, Path(os.path.abspath(data)))
    if command and submission.resolve() != Path.cwd():
        command = f"cd {shlex.quote(str(submission))} && {command}"
    return command if command and command == plain(command) else None


def _start_script(step: str, submission: Path, data: Path) -> str | None:
    """Return a command that runs a step's script on the data, or None unless it takes data as the template's does."""
    try:
        source = (submission / f"{step}.py").read_text("utf-8", "replace")
    except OSError:  # a step such as predict has no script
        return None
    python, file, folder = map(shlex.quote, (sys.executable, str(data), str(data.parent)))
    if step == "train" and data.name == TRAINING_FILE:
        takes_data = set(VARIABLE.findall(source)) == {"SM_CHANNEL_TRAINING", "SM_MODEL_DIR"}
        return TRAIN_COMMAND.format(folder=folder, python=python) if takes_data else None
    if step == "preprocess" and data.name.endswith(".csv.gz") and "--input" in source and "--output" in source:
        return PREPROCESS.format(data=file, python=python)
    return None


def _is_reproducible(exception: LoggedException) -> bool:
    """Return whether an exception is independent of the differences between a job and a terminal."""
    name = exception.root_cause.type.rpartition(".")[2]
    kind = getattr(builtins, name, None)
    is_job_error = isinstance(kind, type) and issubclass(kind, JOB_ERRORS)
    return not is_job_error and not NETWORK_ERRORS.search(name)


def _has_packages(submission: Path) -> bool:
    for line in requirements_of(submission):
        if not line.spec or not line.applies:
            continue
        try:
            version = metadata.version(line.name) if line.kind == "package" else None
        except metadata.PackageNotFoundError:
            return False
        if not version or not line.requirement or not line.requirement.specifier.contains(version, True):
            return False
    return True
