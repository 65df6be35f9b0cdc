"""`python -m recore` in this process: milliseconds, where a process of its own takes seconds to import.

That it works as a process, too, a test or two of each command look after.
"""

import contextlib
import subprocess
from pathlib import Path

from click.testing import CliRunner

from recore.cli import main
from support.checkout import ROOT


def recore(*arguments: object, cwd: Path = ROOT, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder, with additional variables; return its exit status and what it printed."""
    words = list(map(str, arguments))
    with contextlib.chdir(cwd):
        done = CliRunner().invoke(main, words, prog_name="python -m recore", env=variables, catch_exceptions=False)
    return subprocess.CompletedProcess(words, done.exit_code, done.stdout, done.stderr)
