"""All checks, in the order in which they are shown."""

from collections.abc import Iterable

from stagemaker.doctor import environment, images, machine, programs
from stagemaker.doctor.result import Check, Remedy
from stagemaker.installation import DISTRIBUTIONS, pip_command


def check_up(remedy: Remedy = pip_command, distributions: Iterable[str] = DISTRIBUTIONS) -> list[Check]:
    """Carry out all checks.

    remedy: returns the command that installs packages, or those of an extra. distributions: whose requirements are
    needed.
    """
    compiler = programs.check_compiler()
    return [
        environment.check_python(),
        environment.check_packages(remedy, distributions),
        machine.check_temporary_folder(),
        machine.check_memory(),
        machine.check_cores(),
        programs.check_sandbox(),
        programs.check_docker(remedy),
        compiler,
        images.check_images(compiler),
    ]
