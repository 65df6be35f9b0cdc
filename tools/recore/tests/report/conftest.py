from recore_support.browser import chromium
from recore_support.validations import linear_submission, numbers, small_file, validate_changed

__all__ = ["chromium", "linear_submission", "numbers", "small_file", "validate_changed"]
