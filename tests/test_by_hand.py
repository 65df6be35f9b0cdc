"""The commands of docs/by-hand.md run as printed, without tools/."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.checkout import ROOT, copy_scripts, environment

PAGE = ROOT / "docs/by-hand.md"
HEADING = "## Without tools/"


def printed_commands(page: str) -> list[str]:
    """Return the section's commands outside blocks tagged `self`, which install packages or run tests."""
    section = page.partition(f"\n{HEADING}\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"^```bash\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.splitlines()]


@pytest.mark.skipif(not PAGE.exists(), reason=f"this fork has no {PAGE.name}")
def test_the_commands_by_hand_lead_from_the_data_to_a_score(sample: Path, tmp_path: Path) -> None:
    folder = copy_scripts(tmp_path / "Projekt Übung 1")
    shutil.copytree(sample, folder / "data")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    commands = printed_commands(PAGE.read_text("utf-8"))
    assert any("train.py" in command for command in commands)
    for command in commands:
        result = subprocess.run(
            command,
            shell=True,
            cwd=folder,
            env=environment() | {"PATH": path},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert result.returncode == 0, f"{command}\n{result.stderr}"
    assert float((folder / "data/scores/public.txt").read_text()) > 0
