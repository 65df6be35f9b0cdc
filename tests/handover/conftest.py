"""A run and its hand-over, made once."""

from pathlib import Path

import pytest
from support.command import recore_process
from support.handovers import CUT_OFF, make_run
from support.run_command import make_once


@pytest.fixture(scope="session")
def template_run(tmp_path_factory: pytest.TempPathFactory, sample: Path) -> Path:
    """Return the folder of a run of the template's submission with its hand-over. Do not write to it."""

    def make(folder: Path) -> None:
        make_run(folder, sample)
        result = recore_process("handover", folder / "run", "--cut-off", f"CuPPM={CUT_OFF:g}")
        assert result.returncode == 0, result.stderr
        assert result.stdout.startswith(f"handover: {folder / 'run/handover'}: ")
        assert "public predict: completed" in result.stderr

    return make_once(tmp_path_factory, "handover", make) / "run"
