"""Each command that users have offers its help without reading or writing anything."""

from pathlib import Path

import pytest
from journeys.commands import run


@pytest.mark.parametrize("command", ["recore --help", "stagemaker --help"])
def test_an_installed_command_prints_its_help(command: str, tmp_path: Path) -> None:
    assert "Commands" in run(command, tmp_path)
    assert not list(tmp_path.iterdir())
