"""Runs preprocess.py in its job once for each variation of the data, each time as the platform does: alone, without
arguments, in a process of its own, with the data and the output at their usual paths. Where there is no /opt/ml, the
paths are arguments, as in a run.

The inputs `variations` (NAME.csv.gz) and `submission` (preprocess.py) become the output `results`: NAME.csv,
NAME.log, and status.json with the exit status of each.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

PROCESSING = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"), "processing")
SECONDS = 600
LARGEST = 64 << 20  # bytes of an output


def run(name: str, results: Path) -> int:
    """Preprocess one variation; returns the exit status."""
    script = PROCESSING / "input/code/preprocess.py"
    public, output = PROCESSING / "input/public", PROCESSING / "output/preprocess"
    for folder in (public, output):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    source, written = public / "public.csv.gz", output / "public.csv"
    shutil.copy(PROCESSING / f"input/variations/{name}.csv.gz", source)
    command = ["python3", str(script)]
    if "SAGEMAKER_BASE_DIR" in os.environ:
        command += ["--input", str(source), "--output", str(written)]
    with open(results / f"{name}.log", "wb") as log:
        try:
            status = subprocess.run(command, stdout=log, stderr=log, timeout=SECONDS, check=False).returncode
        except subprocess.TimeoutExpired:
            status = 124
    if status == 0 and written.is_file() and not written.is_symlink() and written.stat().st_size <= LARGEST:
        shutil.copy(written, results / f"{name}.csv")
    return status


def main() -> None:
    results = PROCESSING / "output/results"
    results.mkdir(parents=True, exist_ok=True)
    code = PROCESSING / "input/code"
    (code / Path(__file__).name).unlink()  # preprocess.py is alone in its folder
    shutil.copy(PROCESSING / "input/submission/preprocess.py", code)
    names = [path.name.removesuffix(".csv.gz") for path in sorted((PROCESSING / "input/variations").iterdir())]
    statuses = {name: run(name, results) for name in names}
    (results / "status.json").write_text(json.dumps(statuses))
    print("vary:", statuses, file=sys.stderr)


if __name__ == "__main__":
    main()
