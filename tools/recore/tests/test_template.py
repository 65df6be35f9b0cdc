"""The template must be recognised in its own repository; otherwise, its tests would be skipped silently."""

import os

import pytest
from support.template import IS_TEMPLATE


@pytest.mark.skipif("RECORE_TEMPLATE" not in os.environ, reason="RECORE_TEMPLATE is not set, as it is in .ci/run")
def test_the_submission_is_the_recorded_one() -> None:
    assert IS_TEMPLATE, "the template's files have changed: run `python tests/support/template.py` to record them"
