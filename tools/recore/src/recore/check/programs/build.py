"""Builds the source distribution of a project in its job, as the Unearthed CLI's build does.

The input `project` (project.tar.gz) becomes the output `results`: build.log, and build.json with the exit status
of setup.py and the SHA-256 of every file of the archive by name, without those that the client's build drops.
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
# what the client's build removes at the top level of the archive, besides *.tar.gz and *.egg-info
DROPPED = ("PKG-INFO", "setup.py", "setup.cfg", "pyproject.toml", "MANIFEST.in")


def packed_files(archives: list[Path]) -> dict[str, str]:
    """The files of the one archive by their names below its top folder, each with its SHA-256."""
    if len(archives) != 1:
        raise ValueError(f"{len(archives)} archives in dist, one is needed")
    files = {}
    with tarfile.open(archives[0]) as tar:
        for member in tar:
            name = member.name.partition("/")[2]
            top, _, below = name.partition("/")
            dropped = name in DROPPED or top.endswith(".egg-info") or (not below and name.endswith(".tar.gz"))
            if dropped or not member.isfile():
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
            done = subprocess.run(command, cwd=project, stdout=log, stderr=log, timeout=SECONDS, check=False)
        report = {"status": done.returncode, "files": {}, "error": ""}
        try:
            report["files"] = packed_files(sorted(project.glob("dist/*.tar.gz")))
        except (ValueError, tarfile.TarError, OSError) as error:
            report["error"] = str(error)
        shutil.rmtree(project, ignore_errors=True)
    (results / "build.json").write_text(json.dumps(report))


if __name__ == "__main__":
    main()
