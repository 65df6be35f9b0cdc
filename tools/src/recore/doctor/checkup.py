"""All checks, in the order in which they are shown."""

from pathlib import Path

from recore.doctor import environment, files, machine, programs
from recore.doctor.result import Check


def check_up(root: Path, sandbox_works: bool) -> list[Check]:
    """Carry out all checks with the requirements files in `root`.

    sandbox_works: whether bubblewrap starts a job's sandbox here. `recore.places` finds that out; this package imports
    no other.
    """
    return [
        environment.check_python(root),
        environment.check_container_packages(root),
        environment.check_recore_packages(root),
        machine.check_temporary_folder(),
        machine.check_runs_disk(Path("runs")),
        machine.check_memory(),
        machine.check_cores(),
        programs.check_sandbox(sandbox_works),
        programs.check_docker(),
        programs.check_compiler(),
        programs.check_browser(),
        files.check_data(Path("data")),
        files.check_credentials(),
    ]
