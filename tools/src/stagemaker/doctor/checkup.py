"""All checks, in the order in which they are shown."""

from stagemaker.doctor import environment, machine, programs
from stagemaker.doctor.result import Check, Remedy
from stagemaker.installation import pip_command


def check_up(remedy: Remedy = pip_command) -> list[Check]:
    """Carry out all checks. remedy: returns the command that installs packages, or those of an extra."""
    return [
        environment.check_python(),
        environment.check_container_packages(remedy),
        environment.check_packages(remedy),
        machine.check_temporary_folder(),
        machine.check_memory(),
        machine.check_cores(),
        programs.check_sandbox(),
        programs.check_docker(remedy),
        programs.check_compiler(),
    ]
