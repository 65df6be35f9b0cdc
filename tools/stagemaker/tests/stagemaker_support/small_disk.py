"""Run programs whose temporary folder is on a small disk, which bubblewrap provides."""

import subprocess
import sys
from pathlib import Path

from stagemaker_support.checkout import ROOT, environment

FULL_DISK = "The simulator's disk is full: free some space on it, or set TMPDIR to a folder on another disk"


def run_on_a_small_disk(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    disk = folder / "disk"
    disk.mkdir()
    sandbox = ["bwrap", "--dev-bind", "/", "/", "--size", str(48 << 20), "--tmpfs", str(disk)]
    command = [*sandbox, sys.executable, *map(str, arguments)]
    variables = environment() | {"TMPDIR": str(disk)}
    return subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=300)
