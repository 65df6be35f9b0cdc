"""The program of a processing job with a network and without data: gets the packages of a requirements.txt as wheels.

Only wheels: pip runs code of packages that it has to build, and this job's role can read the files of the round.
"""

import subprocess
import sys
from pathlib import Path

BASE = Path("/opt/ml/processing")
REQUIREMENTS = BASE / "input/requirements/requirements.txt"


def main() -> None:
    target = BASE / "output/wheels"
    target.mkdir(parents=True, exist_ok=True)
    pip = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--only-binary", ":all:"]
    sys.exit(subprocess.run([*pip, "--dest", str(target), "--requirement", str(REQUIREMENTS)]).returncode)


if __name__ == "__main__":
    main()
