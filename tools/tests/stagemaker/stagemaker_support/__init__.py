"""Modules shared by the tests of stagemaker in several folders."""

from pathlib import Path

_TESTS = Path(__file__).parents[2]
SEARCH_PATH = [str(_TESTS / "stagemaker"), str(_TESTS.parents[1] / "tests")]  # where programs find these modules
