"""Fixtures: the data file and the submission that the tests of validation share."""

from recore_support.validations import linear_submission, small_file

__all__ = ["linear_submission", "small_file"]
