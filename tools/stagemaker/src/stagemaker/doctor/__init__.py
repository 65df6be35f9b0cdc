"""Checks whether a machine has what jobs need. One kind of check is one file.

The package uses only the standard library and click, so that it works in an incomplete environment.
"""

from stagemaker.doctor.checkup import check_up
from stagemaker.doctor.environment import check_container_packages
from stagemaker.doctor.machine import check_disk
from stagemaker.doctor.output import show_checks
from stagemaker.doctor.programs import check_compiler, check_program
from stagemaker.doctor.result import FAIL, NOTE, OK, Check, Remedy
from stagemaker.doctor.system import install_command
