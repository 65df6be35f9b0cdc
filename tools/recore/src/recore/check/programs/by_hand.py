"""Run the project's predict.py as the Unearthed CLI does: in the project's folder, without arguments.

This is the script of a training job, because processing jobs do not install requirements.txt. Channels: `code` (this
file, step_environment.py, requirements.txt), `project` (project.tar.gz), `training` (public.csv.gz), `models`
(full.tar.gz). The job writes results.json (status, log, statuses of all runs) and public.csv.out to the model folder.
"""

import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import IO

from step_environment import clear, unpack  # type: ignore[import-not-found]

BASE = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
MODEL, OUTPUT = BASE / "model", BASE / "output"
SECONDS = 1800
REPEATS = 3  # maximum runs of a predict.py that fails quickly
QUICK_SECONDS = 60  # seconds
MAX_LOG = 20_000  # last bytes of the output, which are kept


def run(code: Path, variables: dict[str, str], log: IO[bytes]) -> int:
    """Run predict.py and return its exit status."""
    command = ["python", "predict.py"]
    if OUTPUT.is_dir():
        clear(OUTPUT)  # remove the output of an earlier run
    return subprocess.run(
        command, cwd=code, env=variables, stdout=log, stderr=subprocess.STDOUT, timeout=SECONDS, check=False
    ).returncode


def main() -> None:
    unpack("models/full", MODEL)
    shutil.rmtree(MODEL / "code", ignore_errors=True)  # only the server has it
    code = BASE / "code"
    unpack("project/project", code)
    variables = {name: value for name, value in os.environ.items() if not name.startswith("SM_")}
    paths = [path for path in variables.pop("PYTHONPATH", "").split(":") if path and path != str(code)]
    variables |= {"SM_MODEL_DIR": str(MODEL), "PYTHONPATH": ":".join(paths)}
    if str(BASE) != "/opt/ml":  # without a sandbox the container's paths do not exist
        variables |= {"SM_CHANNEL_TRAINING": str(BASE / "input/data/training"), "SM_OUTPUT_DIR": str(OUTPUT)}
    with tempfile.TemporaryFile() as log:
        start = time.monotonic()
        status = run(code, variables, log)
        repeats = REPEATS if status and time.monotonic() - start < QUICK_SECONDS else 0
        log.seek(max(0, log.tell() - MAX_LOG))
        report = {"status": status, "log": log.read().decode("utf-8", "replace")}
        # a failure may be intermittent
        report["statuses"] = [status, *(run(code, variables, log) for _ in range(repeats))]
    clear(MODEL)
    predictions = OUTPUT / "public.csv.out"
    if predictions.is_file() and not predictions.is_symlink():
        shutil.copy(predictions, MODEL)
    (MODEL / "results.json").write_text(json.dumps(report))


if __name__ == "__main__":
    main()
