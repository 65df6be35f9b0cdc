"""Checks whether a machine has what `recore` needs. One kind of check is one file.

The package uses only the standard library, so that it works in an incomplete environment.
"""

from recore.doctor.checkup import check_up
from recore.doctor.programs import check_compiler
from recore.doctor.result import FAIL, OK, Check
