"""Finds the reason why a job failed in the job's files and output."""

import os
import stat
from pathlib import Path

from stagemaker.compute.job import Job
from stagemaker.compute.logs.log_stream import JobLog
from stagemaker.compute.processes.process import Ending
from stagemaker.compute.processes.volume import Volume
from stagemaker.isolation.instances import Instance
from stagemaker.isolation.sandbox import ML


def failure_file(job: Job, log: JobLog) -> Path:
    """Return the file with a job's failure reason: the job's own or, if that is uninformative, a new one.

    The failure file of the SDK's driver scripts says only that the user's script failed.
    """
    failure = job.folder / "ml/output/failure"
    reason = with_container_paths(read_text(failure), job.folder)
    if "CalledProcessError" not in reason:
        return failure
    known_lines = {line.strip() for line in reason.splitlines()}
    lines = [with_container_paths(line, job.folder) for line in log.tail]
    # a line that starts with + is the shell's trace of a command
    new_lines = [line for line in lines if line.strip() not in known_lines and not line.startswith("+")]
    explanation = job.folder / "failure"
    summary = reason.splitlines()[-1][:180]
    last_output = "\n".join(new_lines[-12:])[-700:]  # as much as fits into a FailureReason
    explanation.write_text(f"{summary}\n{last_output}", "utf-8")
    return explanation


def with_container_paths(text: str, folder: Path) -> str:
    """Replace this machine's paths with a container's paths in text from a job without a sandbox."""
    return text.replace(str(folder / "ml"), ML).replace(str(folder / "tmp"), "/tmp")  # noqa: S108


def exceeded_limit(
    ending: Ending, instance: Instance | None, subject: str = "The job", volume_owner: str = "the job"
) -> str | None:
    """Return a message about the instance limit that ended a command, or None if no limit ended it.

    subject: how the message refers to the command's owner. volume_owner: how it refers to the volume's owner.
    """
    reasons = {
        "memory": f"{subject} needed more memory than its instance type has",
        "processes": f"{subject} started more processes than allowed",
    }
    if ending.reason == "disk" and instance and instance.volume:
        return f"No space left on device: {volume_owner} needs more than {Volume(instance.volume)}"
    return reasons.get(ending.reason or "")


def read_start(path: Path, size: int) -> bytes:
    """Return the first bytes of a job's file; none if it is not a regular file, or if a symbolic link leads to it."""
    if os.path.realpath(path.parent) != str(path.parent):
        return b""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            return file.read(size) if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else b""
    except OSError:
        return b""


def read_text(path: Path) -> str:
    """Return the text of a small file that a job wrote, read with `read_start`."""
    return read_start(path, 4096).decode("utf-8", "replace").strip()
