"""Run the contract tests (tests/contract) on any submission."""

import subprocess
import sys
from pathlib import Path

from support.checkout import ROOT, environment


def assert_contract_kept(submission: Path, folder: Path = ROOT, **variables: str) -> None:
    """Assert that a submission passes the contract tests. folder: the checkout with the tests."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/contract"]
    variables = environment() | {"SUBMISSION": str(submission)} | variables
    result = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=900)
    # if the variable CI is set, pytest prints entire data files
    output = "\n".join(line[:200] for line in result.stdout.splitlines())
    assert result.returncode == 0, output + result.stderr[-2000:]
