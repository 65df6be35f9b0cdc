"""Checks of memory, CPUs, disks and the temporary folder."""

import os
import shutil
import tempfile
from pathlib import Path

from stagemaker.doctor.result import FAIL, NOTE, OK, Check
from stagemaker.machine import count_cores, measure_memory

MIB, GIB = 1 << 20, 1 << 30
LOW_MEMORY = 2 * GIB
MIN_SPACE, LOW_SPACE = 100 * MIB, 2 * GIB  # a run fails below the first; a few runs fill the second


def check_memory() -> Check:
    total = measure_memory()
    result = f"{total / GIB:.1f} GiB"
    if total < LOW_MEMORY:
        cost = "Jobs may run out of memory and be killed."
        return Check("memory", NOTE, result, cost, "close other programs, or give the container more memory")
    return Check("memory", OK, result)


def check_cores() -> Check:
    count = count_cores()
    if count == 1:
        return Check("cores", NOTE, "1", "Public and private steps share the core, so runs take nearly twice as long.")
    return Check("cores", OK, str(count))


def check_temporary_folder() -> Check:
    cost = "Jobs need space in the temporary folder."
    fix = "free some space, or set TMPDIR to a writable folder with free space"
    tmpdir = os.environ.get("TMPDIR")
    try:
        folder = Path(tempfile.gettempdir())
    except OSError:  # none of the usual folders is writable
        return Check("temporary", FAIL, f"no temporary folder is writable; TMPDIR is {tmpdir or 'not set'}", cost, fix)
    if tmpdir and folder.resolve() != Path(tmpdir).resolve():
        return Check("temporary", NOTE, f"TMPDIR ({tmpdir}) is not writable; using {folder} instead", cost, fix)
    return check_disk("temporary", folder, cost, fix)


def check_disk(name: str, folder: Path, cost: str, fix: str) -> Check:
    try:
        free_bytes = shutil.disk_usage(folder).free
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(MIB))
            file.flush()
    except OSError as error:
        return Check(name, FAIL, f"{folder}: {error.strerror}", cost, fix)
    result = f"{_size(free_bytes)} free in {folder}"
    if free_bytes < MIN_SPACE:
        return Check(name, FAIL, result, cost, fix)
    if free_bytes < LOW_SPACE:
        return Check(name, NOTE, result, f"{cost} A few runs will fill the disk.", fix)
    return Check(name, OK, result)


def _size(count: int) -> str:
    return f"{count / GIB:.1f} GiB" if count >= GIB else f"{count // MIB} MiB"
