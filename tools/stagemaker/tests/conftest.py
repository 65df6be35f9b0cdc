"""Settings of the processes that run the tests of stagemaker, and fixtures for all of them."""

import sys

from stagemaker_support.surroundings import settle

settle()
sys.modules["recore"] = None  # type: ignore[assignment] - any import of it fails

from stagemaker_support import fuzzing  # noqa: F401 - loads hypothesis's profile before tests are decorated
from stagemaker_support.every_test import pytest_make_parametrize_id, socket_folder

__all__ = ["pytest_make_parametrize_id", "socket_folder"]
