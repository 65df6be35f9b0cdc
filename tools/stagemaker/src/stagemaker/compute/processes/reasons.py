"""Determine from a job's files and output why it failed, or report that the local disk is full."""

import os
import stat
from pathlib import Path

from stagemaker import machine
from stagemaker.compute.failure import JobFailed
from stagemaker.compute.job import Job
from stagemaker.compute.logs.log_stream import JobLog
from stagemaker.compute.processes.process import Ending
from stagemaker.compute.processes.volume import Volume
from stagemaker.isolation.instances import Instance
from stagemaker.isolation.sandbox import ML

ADVICE = "free some space on it, or set TMPDIR to a folder on another disk"
FULL_DISK = f"InternalServerError: The simulator's disk is full: {ADVICE}"
FULL_MESSAGES = ("No space left on device", "Disk quota exceeded")
MIN_FREE_BYTES = 1 << 20  # a disk with less free space counts as full
MIN_FREE_BYTES_AFTER_ERROR = 1 << 30  # likewise, if the job has reported a full disk


def reason_of(error: Exception, folder: Path) -> str:
    """Return the reason for a job's failure: the exception's message, preceded by a note if the local disk is full.

    folder: the job's folder, whose files must still exist, because removing them frees space.
    """
    if machine.is_disk_full(error):
        return FULL_DISK
    reason = str(error) if isinstance(error, JobFailed) else f"InternalServerError: {error!r}"
    reported_full = any(message in reason for message in FULL_MESSAGES) and "VolumeSizeInGB" not in reason
    if _free_bytes(folder) < (MIN_FREE_BYTES_AFTER_ERROR if reported_full else MIN_FREE_BYTES):
        return f"{FULL_DISK}. The job reported: {reason}"
    return reason


def _free_bytes(folder: Path) -> int:
    while not folder.exists():
        folder = folder.parent
    disk = os.statvfs(folder)
    return (disk.f_bavail if os.geteuid() else disk.f_bfree) * disk.f_frsize


def failure_file(job: Job, log: JobLog) -> Path:
    """Return the file with a job's failure reason: the job's own failure file, or a new one.

    A failure file written by the SDK's driver scripts is replaced, because it says only that the user's script failed.
    """
    failure = job.folder / "ml/output/failure"
    reason = replace_host_paths(read_text(failure), job.folder)
    if "CalledProcessError" not in reason:
        return failure
    known_lines = {line.strip() for line in reason.splitlines()}
    lines = [replace_host_paths(line, job.folder) for line in log.tail]
    # a line that starts with + is the shell's trace of a command
    new_lines = [line for line in lines if line.strip() not in known_lines and not line.startswith("+")]
    explanation = job.folder / "failure"
    summary = reason.splitlines()[-1][:180]
    last_output = "\n".join(new_lines[-12:])[-700:]  # as much as fits into a FailureReason
    explanation.write_text(f"{summary}\n{last_output}", "utf-8")
    return explanation


def replace_host_paths(message: str, folder: Path) -> str:
    """Replace the host's paths with the container's in a message from a job without a sandbox."""
    return message.replace(str(folder / "ml"), ML).replace(str(folder / "tmp"), "/tmp")  # noqa: S108


def exceeded_limit(
    ending: Ending, instance: Instance | None, subject: str = "The job", volume_owner: str = "the job"
) -> str | None:
    """Return a message about the instance limit that a command exceeded, or None if it exceeded none."""
    reasons = {
        "memory": f"{subject} needed more memory than its instance type has",
        "processes": f"{subject} started more processes than allowed",
    }
    if ending.reason == "disk" and instance and instance.volume:
        return f"No space left on device: {volume_owner} needs more than {Volume(instance.volume)}"
    return reasons.get(ending.reason or "")


def read_start(path: Path, size: int) -> bytes:
    """Return the first bytes of a job's file, or b'' if it is not a regular file or is below a symbolic link."""
    if os.path.realpath(path.parent) != str(path.parent):
        return b""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            return file.read(size) if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else b""
    except OSError:
        return b""


def read_text(path: Path) -> str:
    return read_start(path, 4096).decode("utf-8", "replace").strip()
