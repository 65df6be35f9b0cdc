from recore_support.validations import csv_dir, linear_submission, small_file, validate_changed
from stagemaker_support.chromium import chromium

__all__ = ["chromium", "csv_dir", "linear_submission", "small_file", "validate_changed"]
