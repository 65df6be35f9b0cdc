"""Modules shared by stagemaker's tests and by the tests of packages that use stagemaker."""

from pathlib import Path

SEARCH_PATH = str(Path(__file__).parents[1])  # where programs find these modules
