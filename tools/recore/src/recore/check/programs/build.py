"""Build a project's source distribution in a job, as the Unearthed CLI does.

The input `project` contains project.tar.gz. The output `results` contains build.log, and build.json with setup.py's
exit status and the SHA-256 of each file in the archive, except files that the client's build removes.
"""

from __future__ import annotations  # it also runs in the Unearthed CLI's Python 3.8

import hashlib
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

PROCESSING = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"), "processing")
SECONDS = 300
# removed by the client's build at the top level of the archive, besides *.tar.gz and *.egg-info
BUILD_FILES = ("PKG-INFO", "setup.py", "setup.cfg", "pyproject.toml", "MANIFEST.in")


def packed_files(archives: list[Path]) -> dict[str, str]:
    """Return the SHA-256 of each file, by path below the top folder. Raises ValueError unless there is one archive."""
    if len(archives) != 1:
        raise ValueError(f"dist contains {len(archives)} archives instead of one")
    files = {}
    with tarfile.open(archives[0]) as tar:
        for member in tar:
            name = member.name.partition("/")[2]
            top, _, subpath = name.partition("/")
            is_removed = name in BUILD_FILES or top.endswith(".egg-info") or (not subpath and name.endswith(".tar.gz"))
            if is_removed or not member.isfile():
                continue
            content = tar.extractfile(member)
            files[name] = hashlib.sha256(content.read() if content else b"").hexdigest()
    return files


def main() -> None:
    results = PROCESSING / "output/results"
    results.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        project = Path(temporary, "project")
        with tarfile.open(PROCESSING / "input/project/project.tar.gz") as tar:
            tar.extractall(project, filter="data")
        with open(results / "build.log", "wb") as log:
            command = ["python3", "setup.py", "sdist"]
            process = subprocess.run(command, cwd=project, stdout=log, stderr=log, timeout=SECONDS, check=False)
        report = {"status": process.returncode, "files": {}, "error": ""}
        try:
            report["files"] = packed_files(sorted(project.glob("dist/*.tar.gz")))
        except (ValueError, tarfile.TarError, OSError) as error:
            report["error"] = str(error)
        shutil.rmtree(project, ignore_errors=True)
    (results / "build.json").write_text(json.dumps(report))


if __name__ == "__main__":
    main()
