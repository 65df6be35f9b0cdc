from recore_support.validations import linear_submission, numbers, small_file, validate_changed
from stagemaker_support.chromium import chromium

__all__ = ["chromium", "linear_submission", "numbers", "small_file", "validate_changed"]
