"""Read a submission in a process with limited memory and processor time."""

import subprocess
import sys
from pathlib import Path

from support.checkout import ROOT, environment

READ = """
import resource, sys
from pathlib import Path
from recore.evaluation.submission import read_submission
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
resource.setrlimit(resource.RLIMIT_CPU, (int(sys.argv[2]), int(sys.argv[2])))
try:
    read_submission(Path(sys.argv[1]))
except ValueError as error:
    sys.exit(str(error))
"""


def read_within(seconds: int, path: Path) -> str:
    """Read a submission that must be refused, with 1 GB of memory and limited processor time; return the error."""
    command = [sys.executable, "-c", READ, str(path), str(seconds)]
    result = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=180)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    return result.stderr
