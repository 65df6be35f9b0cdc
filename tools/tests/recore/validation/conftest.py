"""Fixtures: the data file and the submission that the tests of validation share."""

from support.validations import linear_submission, small_file

__all__ = ["linear_submission", "small_file"]
