"""Fixtures that the validation tests share: a data file and a submission."""

from recore_support.validations import linear_submission, small_file

__all__ = ["linear_submission", "small_file"]
