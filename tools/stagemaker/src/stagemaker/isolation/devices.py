"""Protects the host's device files from jobs of a simulator that runs as root.

A sandbox contains the host's files /dev/null, /dev/zero and so on. Root owns them, so a job that runs as root could
change their modes and times for all programs. bubblewrap cannot mount devices read-only, but keeps such a mount.
"""

import ctypes
import os

DEVICES = ("null", "zero", "full", "random", "urandom", "tty")  # that bubblewrap puts into a sandbox
CLONE_NEWNS = 0x20000
MS_RDONLY, MS_NOSUID, MS_REMOUNT, MS_BIND, MS_REC, MS_SLAVE = 1, 2, 32, 4096, 16384, 1 << 19


def protect() -> None:
    """Make the files of devices read-only for this process and those that it starts; devices can still be used.

    Does nothing for users other than root, who cannot mount anything but also do not own devices.
    """
    libc = ctypes.CDLL(None)
    if os.geteuid() or libc.unshare(CLONE_NEWNS):
        return
    libc.mount(None, b"/", None, MS_REC | MS_SLAVE, None)  # the mounts below are for this process only
    for name in DEVICES:
        path = os.fsencode(f"/dev/{name}")
        libc.mount(path, path, None, MS_BIND, None)
        libc.mount(None, path, None, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID, None)
