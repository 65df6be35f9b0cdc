"""Score held-out predictions as a run's job does."""

import subprocess
import sys
import tempfile
from pathlib import Path

from recore.evaluation.held_out import ACTUAL, PREDICTED, write_scored


class ScoreFailed(Exception):
    """Raised if score.py fails, with the last line of its stderr."""


def score_held_out(predictions: Path, public: Path, script: Path, output: Path) -> None:
    """Write the score and its details to `output`. Raises NoHeldOutScoreError or ScoreFailed."""
    with tempfile.TemporaryDirectory() as folder:
        write_scored(predictions, public, Path(folder))
        files = {"actual": Path(folder, ACTUAL), "predicted": Path(folder, PREDICTED), "output": output.absolute()}
        command = [sys.executable, "-P", script, *(f"--{name}={path}" for name, path in files.items())]
        process = subprocess.run(command, capture_output=True, text=True)
    if process.returncode:
        raise ScoreFailed(process.stderr.strip().splitlines()[-1])
