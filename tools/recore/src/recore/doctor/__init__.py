"""Checks of the requirements of `recore run`: those of stagemaker, and those of recore alone.

The package uses only the standard library and click, so that it works in an incomplete environment.
"""

from recore.doctor.for_runs import check_up
