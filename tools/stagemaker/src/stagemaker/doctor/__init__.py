"""Check whether a machine meets the requirements of jobs, and print the results.

The package uses only the standard library and click, so that it works in an incomplete environment.
"""

from collections.abc import Iterable

from stagemaker.doctor.images import check_images
from stagemaker.doctor.machine import check_cores, check_disk, check_memory, check_temporary_folder
from stagemaker.doctor.packages import check_container_packages, check_packages, check_python
from stagemaker.doctor.programs import check_compiler, check_docker, check_sandbox, install_command, run_program
from stagemaker.doctor.result import FAIL, NOTE, OK, Check, PipCommand, show_checks
from stagemaker.installation import DISTRIBUTIONS, pip_command


def check_up(make_command: PipCommand = pip_command, distributions: Iterable[str] = DISTRIBUTIONS) -> list[Check]:
    """Run all checks, and return the results in output order.

    make_command: a function that returns the command to install packages or an extra. distributions: the distributions
    whose requirements are checked.
    """
    compiler = check_compiler()
    return [
        check_python(),
        check_packages(make_command, distributions),
        check_temporary_folder(),
        check_memory(),
        check_cores(),
        check_sandbox(),
        check_docker(make_command),
        compiler,
        check_images(compiler),
    ]
