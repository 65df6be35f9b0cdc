"""Recognises jobs that failed because this machine's disk is full."""

import os
from pathlib import Path

from stagemaker import machine
from stagemaker.compute.failure import JobFailed

ADVICE = "free some space on it, or set TMPDIR to a folder on another disk"
FULL_DISK = f"InternalServerError: This machine's disk is full: {ADVICE}"
FULL_MESSAGES = ("No space left on device", "Disk quota exceeded")
MIN_FREE_BYTES = 1 << 20  # a disk with less free space counts as full
MIN_FREE_BYTES_AFTER_ERROR = 1 << 30  # the same, if the job has reported a full disk


def reason_of(error: Exception, folder: Path) -> str:
    """Return the reason why a job failed: the exception's message, after a message about the disk if the disk is full.

    folder: the job's folder. Its files must still exist, because removing them frees space.
    """
    if machine.is_disk_full(error):
        return FULL_DISK
    reason = str(error) if isinstance(error, JobFailed) else f"InternalServerError: {error!r}"
    reported_full = any(text in reason for text in FULL_MESSAGES) and "VolumeSizeInGB" not in reason
    if _free_bytes(folder) < (MIN_FREE_BYTES_AFTER_ERROR if reported_full else MIN_FREE_BYTES):
        return f"{FULL_DISK}. The job's own reason: {reason}"
    return reason


def _free_bytes(folder: Path) -> int:
    """Return how many bytes this user can still write to the disk of a folder. The folder need not exist."""
    while not folder.exists():
        folder = folder.parent
    disk = os.statvfs(folder)
    return (disk.f_bavail if os.geteuid() else disk.f_bfree) * disk.f_frsize
