"""Fixtures for tests of the scripts that do not need a separate process."""

from collections.abc import Callable
from pathlib import Path

import pytest
from support.scripts import reason_of, run_here


@pytest.fixture
def script_error_here(tmp_path: Path) -> Callable[..., str]:
    """Return a function that runs a script in this process, where it must fail, and returns its one error line."""

    def run_script(*command: object, output: Path | None = None) -> str:
        return reason_of(run_here(*command, cwd=tmp_path), output)

    return run_script
