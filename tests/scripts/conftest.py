"""Fixtures for tests that run the scripts without a separate process."""

from collections.abc import Callable
from pathlib import Path

import pytest
from support.scripts import reason_of, run_here


@pytest.fixture
def script_error_here(tmp_path: Path) -> Callable[..., str]:
    """Return a function that runs a script in this process. The script must fail; its only error line is returned."""

    def run_script(*command: object, output: Path | None = None) -> str:
        return reason_of(run_here(*command, cwd=tmp_path), output)

    return run_script
