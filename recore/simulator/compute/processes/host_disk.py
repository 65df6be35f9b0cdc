"""Recognises jobs that failed because the disk of this machine that contains their folders is full."""

import errno
import os
from pathlib import Path

from recore.simulator.compute.failure import JobFailed

FULL = "InternalServerError: The disk of this machine is full: free some space on it, or set TMPDIR to another disk"
FULL_ERRORS = (errno.ENOSPC, errno.EDQUOT)
FULL_MESSAGES = ("No space left on device", "Disk quota exceeded")
LEAST_FREE = 1 << 20  # bytes; a disk with less free space counts as full
LEAST_AFTER_AN_ERROR = 1 << 30  # bytes; the same, but after the job has reported a full disk


def reason_of(error: Exception, folder: Path) -> str:
    """The reason why a job failed: the exception's message, preceded by one about the disk if the disk is full.

    folder: the job's folder, whose files have not been removed yet.
    """
    if isinstance(error, OSError) and error.errno in FULL_ERRORS:
        return FULL
    reason = str(error) if isinstance(error, JobFailed) else f"InternalServerError: {error!r}"
    refused = any(text in reason for text in FULL_MESSAGES) and "VolumeSizeInGB" not in reason
    if _free(folder) < (LEAST_AFTER_AN_ERROR if refused else LEAST_FREE):
        return f"{FULL}. The job's own reason: {reason}"
    return reason


def _free(folder: Path) -> int:
    """The number of bytes that this user can still write to the disk of a folder, which need not exist."""
    while not folder.exists():
        folder = folder.parent
    disk = os.statvfs(folder)
    return (disk.f_bavail if os.geteuid() else disk.f_bfree) * disk.f_frsize
