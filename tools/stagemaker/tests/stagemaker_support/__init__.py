"""Modules shared by the tests of stagemaker in several folders, and by those of packages that use it."""

from pathlib import Path

SEARCH_PATH = str(Path(__file__).parents[1])  # where programs find these modules
