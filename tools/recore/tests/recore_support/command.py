"""Run `python -m recore` in this process, which takes milliseconds, or in a separate one, whose imports take seconds.

At least one test of each command runs it in a separate process, in which nothing has been imported yet.
"""

import contextlib
import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

import boto3
from click.testing import CliRunner
from support.checkout import ROOT, environment

from recore.cli import main


def recore(*arguments: object, cwd: Path = ROOT, **variables: str | None) -> subprocess.CompletedProcess[str]:
    """Run a command in this process, in the folder `cwd`, and return its exit status and output.

    variables: environment variables to set; a value of None removes the variable.
    """
    command = list(map(str, arguments))
    # boto3's default session keeps its settings, so each command uses a new session
    with contextlib.chdir(cwd), patch.object(boto3, "DEFAULT_SESSION", None):
        result = CliRunner().invoke(main, command, prog_name="python -m recore", env=variables, catch_exceptions=False)
    return subprocess.CompletedProcess(command, result.exit_code, result.stdout, result.stderr)


def recore_process(*arguments: object, cwd: Path = ROOT, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a separate process, without COLUMNS in its environment."""
    command = [sys.executable, "-m", "recore", *map(str, arguments)]
    full_environment = {name: value for name, value in environment().items() if name != "COLUMNS"} | variables
    return subprocess.run(command, cwd=cwd, env=full_environment, capture_output=True, text=True, timeout=600)


def usage_error(result: subprocess.CompletedProcess[str]) -> str:
    """Return the error of a command that was rejected before it wrote anything else."""
    assert (result.returncode, result.stdout) == (2, ""), result
    [line] = result.stderr.splitlines()
    assert line.startswith("recore: ")
    return line
