"""Why a job failed: what it left in its files and printed last."""

import os
import stat
from pathlib import Path

from recore.simulator.compute.jobs.logs import JobLog
from recore.simulator.compute.jobs.process import Ending
from recore.simulator.compute.jobs.queue import Job
from recore.simulator.compute.jobs.volume import Volume
from recore.simulator.isolation.instances import Instance
from recore.simulator.isolation.sandbox import ML


def failure_file(job: Job, log: JobLog) -> Path:
    """A failed job's file of the reason: its own, and below it what it printed where that file holds no reason.

    The SDK's drivers write only that the process of the user's script failed.
    """
    failure = job.folder / "ml/output/failure"
    said = as_in_a_container(text_of(failure), job.folder)
    if "CalledProcessError" not in said:
        return failure
    known = {line.strip() for line in said.splitlines()}
    lines = [as_in_a_container(line, job.folder) for line in log.tail]
    printed = [line for line in lines if line.strip() not in known and not line.startswith("+")]  # +: a shell's trace
    explained = job.folder / "failure"
    ended = said.splitlines()[-1][:180]
    rest = "\n".join(printed[-12:])[-700:]  # for which the length of a reason has room
    explained.write_text(f"{ended}\n{rest}", "utf-8")
    return explained


def as_in_a_container(text: str, folder: Path) -> str:
    """A text of a job without a sandbox, which sees a folder of this machine, as it would be in a container."""
    return text.replace(str(folder / "ml"), ML).replace(str(folder / "tmp"), "/tmp")  # noqa: S108


def exceeded(ending: Ending, instance: Instance | None, who: str = "The job", all_of_it: str = "the job") -> str | None:
    """Which limit of its instance ended a command; None where none did.

    who: whose command it is. all_of_it: what has the volume.
    """
    reasons = {
        "memory": f"{who} needed more memory than its instance type has",
        "processes": f"{who} started more processes than it may",
    }
    if ending.reason == "disk" and instance and instance.volume:
        return f"No space left on device: {all_of_it} needs more than {Volume(instance.volume)}"
    return reasons.get(ending.reason or "")


def start_of(path: Path, size: int) -> bytes:
    """The first bytes of a file that a job left; none where it is not a file, or a link on the way could lead out."""
    if os.path.realpath(path.parent) != str(path.parent):
        return b""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            return file.read(size) if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else b""
    except OSError:
        return b""


def text_of(path: Path) -> str:
    """The text of a small file that a job left, as `start_of` finds it."""
    return start_of(path, 4096).decode("utf-8", "replace").strip()
