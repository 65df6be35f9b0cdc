"""A browser for the tests of reports, and what those of `recore validate` share."""

from support.browser import chromium
from support.validations import linear_submission, numbers, small_file, validate_changed

__all__ = ["chromium", "linear_submission", "numbers", "small_file", "validate_changed"]
