"""Checks whether a machine has what `recore run` needs: what stagemaker checks, and what only recore uses.

The package uses only the standard library and click, so that it works in an incomplete environment.
"""

from recore.doctor.for_runs import check_up
