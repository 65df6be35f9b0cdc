"""Script of a processing job, with network access but no data, that downloads a requirements.txt's packages as wheels.

Only wheels are downloaded: pip would run a package's code to build it, and this job's role can read the round's files.
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
