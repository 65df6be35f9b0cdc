"""`stagemaker start` as a process."""

import json
import subprocess
import sys
from pathlib import Path

from stagemaker_support.checkout import ROOT, environment

COMMAND = [sys.executable, "-m", "stagemaker", "start"]


def start(*options: object, folder: Path, **variables: str) -> tuple[subprocess.Popen[str], dict[str, str]]:
    variables = environment() | {"TMPDIR": str(folder)} | variables
    command = [*COMMAND, "--json", *map(str, options)]
    process = subprocess.Popen(
        command, cwd=ROOT, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    return process, json.loads(process.stdout.readline())
