"""Memory, processors, disks and the temporary folder."""

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

from recore.doctor.check import FAIL, NOTE, OK, Check

MIB, GIB = 1 << 20, 1 << 30
LITTLE_MEMORY = 2 * GIB
ROOM, LITTLE_ROOM = 100 * MIB, 2 * GIB  # below the first a run fails, above the second there is room for many
CONTROL_GROUP = Path("/sys/fs/cgroup/memory.max")


def memory() -> Check:
    """How much memory this machine, or the container around this, has."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with contextlib.suppress(OSError, ValueError):  # no control group, or "max"
        total = min(total, int(CONTROL_GROUP.read_text()))
    found = f"{total / GIB:.1f} GiB"
    if total < LITTLE_MEMORY:
        cost = "Jobs may be killed for lack of memory."
        return Check("memory", NOTE, found, cost, "close other programs, or give the container more")
    return Check("memory", OK, found)


def cores() -> Check:
    """How many processors this may use."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if count == 1:
        return Check("cores", NOTE, "1", "Public and private steps share it, so a run takes nearly twice as long.")
    return Check("cores", OK, str(count))


def runs_disk(folder: Path) -> Check:
    """Whether runs can be kept: `folder`, or the nearest above it that exists, is writable and has room."""
    existing = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    return _disk("disk", existing, f"Runs are kept in {folder.name}/.", "free some space, or choose another --out")


def temporary_folder() -> Check:
    """Whether the temporary folder, in which jobs have their folders, is writable and has room."""
    cost = "Jobs work in the temporary folder."
    fix = "free some space, or set TMPDIR to a folder that has it"
    named = os.environ.get("TMPDIR")
    try:
        folder = Path(tempfile.gettempdir())
    except OSError:  # none of the usual folders can be written to
        return Check("temporary", FAIL, f"no folder is writable, TMPDIR is {named or 'not set'}", cost, fix)
    if named and folder.resolve() != Path(named).resolve():
        return Check("temporary", NOTE, f"{folder}, as TMPDIR, {named}, is not writable", cost, fix)
    return _disk("temporary", folder, cost, fix)


def _disk(name: str, folder: Path, cost: str, fix: str) -> Check:
    """Whether a folder is writable, which is tried, and how much room its disk has."""
    try:
        free = shutil.disk_usage(folder).free
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(MIB))
            file.flush()
    except OSError as error:
        return Check(name, FAIL, f"{folder}: {error.strerror}", cost, fix)
    found = f"{_size(free)} free in {folder}"
    if free < ROOM:
        return Check(name, FAIL, found, cost, fix)
    return (
        Check(name, NOTE, found, f"{cost} A few runs fill it.", fix) if free < LITTLE_ROOM else Check(name, OK, found)
    )


def _size(count: int) -> str:
    return f"{count / GIB:.1f} GiB" if count >= GIB else f"{count // MIB} MiB"
