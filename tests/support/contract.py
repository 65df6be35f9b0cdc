"""Runs the contract tests (tests/contract) on a submission."""

import subprocess
import sys
from pathlib import Path

from support.checkout import ROOT, environment


def keeps_the_contract(submission: Path, tests: Path = ROOT, **variables: str) -> None:
    """Run tests/contract in a folder on a submission, and assert that it passes."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/contract"]
    variables = environment() | {"SUBMISSION": str(submission)} | variables
    result = subprocess.run(command, cwd=tests, env=variables, capture_output=True, text=True, timeout=900)
    # pytest prints whole data files if the variable CI is set
    shown = "\n".join(line[:200] for line in result.stdout.splitlines())
    assert result.returncode == 0, shown + result.stderr[-2000:]
