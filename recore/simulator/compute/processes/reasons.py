"""Finds the reason why a job failed in its files and its output."""

import os
import stat
from pathlib import Path

from recore.simulator.compute.job import Job
from recore.simulator.compute.logs.log_stream import JobLog
from recore.simulator.compute.processes.process import Ending
from recore.simulator.compute.processes.volume import Volume
from recore.simulator.isolation.instances import Instance
from recore.simulator.isolation.sandbox import ML


def failure_file(job: Job, log: JobLog) -> Path:
    """The file with a job's failure reason: the job's own file or, if it gives no reason, one with the last output.

    The SDK's drivers write only that the process of the user's script failed.
    """
    failure = job.folder / "ml/output/failure"
    reason = as_in_a_container(text_of(failure), job.folder)
    if "CalledProcessError" not in reason:
        return failure
    known = {line.strip() for line in reason.splitlines()}
    lines = [as_in_a_container(line, job.folder) for line in log.tail]
    printed = [line for line in lines if line.strip() not in known and not line.startswith("+")]  # +: shell tracing
    explained = job.folder / "failure"
    summary = reason.splitlines()[-1][:180]
    rest = "\n".join(printed[-12:])[-700:]  # what fits into a FailureReason
    explained.write_text(f"{summary}\n{rest}", "utf-8")
    return explained


def as_in_a_container(text: str, folder: Path) -> str:
    """In text from a job without a sandbox, replace the paths of this machine with those in a container."""
    return text.replace(str(folder / "ml"), ML).replace(str(folder / "tmp"), "/tmp")  # noqa: S108


def exceeded(
    ending: Ending, instance: Instance | None, subject: str = "The job", volume_owner: str = "the job"
) -> str | None:
    """The message about the limit of the instance that ended a command; None if none did.

    subject, volume_owner: the message's words for the command's owner, and for what uses the volume.
    """
    reasons = {
        "memory": f"{subject} needed more memory than its instance type has",
        "processes": f"{subject} started more processes than allowed",
    }
    if ending.reason == "disk" and instance and instance.volume:
        return f"No space left on device: {volume_owner} needs more than {Volume(instance.volume)}"
    return reasons.get(ending.reason or "")


def start_of(path: Path, size: int) -> bytes:
    """The first bytes of a job's file; empty if it is not a regular file, or if a link could lead out of its folder."""
    if os.path.realpath(path.parent) != str(path.parent):
        return b""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            return file.read(size) if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else b""
    except OSError:
        return b""


def text_of(path: Path) -> str:
    """The text of a small file that a job wrote, read with `start_of`."""
    return start_of(path, 4096).decode("utf-8", "replace").strip()
