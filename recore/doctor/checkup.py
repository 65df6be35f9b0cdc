"""All checks, in the order in which they are shown."""

from pathlib import Path

from recore.doctor import environment, files, machine, programs
from recore.doctor.check import Check


def check_up(root: Path, sandbox_works: bool) -> list[Check]:
    """Look at this machine, for the checkout in `root`.

    sandbox_works: whether bubblewrap starts a job's sandbox here. Only the simulator can try that, and the command
    line, which may ask it, hands the answer in.
    """
    return [
        environment.python(root),
        environment.container_packages(root),
        environment.recore_packages(root),
        machine.temporary_folder(),
        machine.runs_disk(Path("runs")),
        machine.memory(),
        machine.cores(),
        programs.sandbox(sandbox_works),
        programs.docker(),
        programs.compiler(),
        programs.browser(),
        files.data(Path("data")),
        files.credentials(),
    ]
