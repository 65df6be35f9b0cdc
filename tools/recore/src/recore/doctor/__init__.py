"""Checks of the requirements for `recore run`: stagemaker's checks and recore's own.

The package uses only the standard library and click, so that it works in an incomplete environment.
"""

from recore.doctor.for_runs import check_up
