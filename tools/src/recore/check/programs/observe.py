"""Runs a submission's steps with an audit hook that reports what they try: preprocess.py, train.py and the hooks.

It runs as the script of a training job, because processing jobs do not install requirements.txt. Channels: `code` (this
file, FILES, requirements.txt), `submission` (submission.tar.gz), `training` (public.csv.gz). results.json in the model
folder: for each step its status, seconds, and events.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Any

BASE = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
MODEL, CODE, PROCESSING = BASE / "model", BASE / "code", BASE / "processing"
SECONDS = 900  # of a step
MOST = 200  # events of a step
FILES = (  # this one, the container's server, csv_columns.py, the targets' names, and the hook
    "observe.py",
    "recore_serving.py",
    "recore_columns.py",
    "recore_targets.json",
    "sitecustomize.py",
)


def main() -> None:
    if sys.argv[1:] == ["predict"]:
        predict()
    elif sys.argv[1:] != ["here"]:  # the submission needs this folder: go on from another one
        folder = tempfile.mkdtemp(prefix="observe-")
        for name in FILES:
            shutil.copy(CODE / name, folder)
        os.execv(sys.executable, [sys.executable, f"{folder}/observe.py", "here"])  # noqa: S606
    else:
        observe(Path(__file__).parent)


def observe(folder: Path) -> None:
    for path in CODE.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    with tarfile.open(BASE / "input/data/submission/submission.tar.gz") as tar:
        tar.extractall(CODE, filter="data")
    public = BASE / "input/data/training/public.csv.gz"
    for name in ("input/public", "input/code", "output/preprocess"):
        (PROCESSING / name).mkdir(parents=True, exist_ok=True)
    shutil.copy(public, PROCESSING / "input/public")
    shutil.copy(CODE / "preprocess.py", PROCESSING / "input/code")
    steps = {
        "preprocess": [f"{PROCESSING}/input/code/preprocess.py"],
        "train": ["train.py"],
        "predict": [f"{folder}/observe.py", "predict"],
    }
    if "SAGEMAKER_BASE_DIR" in os.environ:  # without a sandbox the paths of the container are not there
        inputs, output = PROCESSING / "input/public/public.csv.gz", PROCESSING / "output/preprocess/public.csv"
        steps["preprocess"] += ["--input", str(inputs), "--output", str(output)]
    report = {}
    for name, command in steps.items():
        events = folder / f"{name}.jsonl"
        began = time.monotonic()
        status = run(command, str(CODE) if name == "train" else "/", variables_of(folder, events))
        report[name] = {"status": status, "seconds": time.monotonic() - began, "events": read_events(events)}
    shutil.rmtree(MODEL)
    MODEL.mkdir()
    (MODEL / "results.json").write_text(json.dumps(report))


def variables_of(folder: Path, events: Path) -> dict[str, str]:
    paths = [str(folder), *(path for path in os.environ.get("PYTHONPATH", "").split(":") if path)]
    return dict(os.environ) | {"RECORE_AUDIT": str(events), "PYTHONPATH": ":".join(paths)}


def run(command: list[str], folder: str, variables: dict[str, str]) -> int:
    """Run a script; its exit status, 124 if it takes too long."""
    with subprocess.Popen(["python", *command], cwd=folder, env=variables, start_new_session=True) as process:
        try:
            return process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return 124


def predict() -> None:
    """Load the model that train.py left, and answer what preprocess.py left, as the container's server does."""
    shutil.copytree(CODE, MODEL / "code", dirs_exist_ok=True)
    os.environ |= {"SAGEMAKER_PROGRAM": "train.py", "SAGEMAKER_SUBMIT_DIRECTORY": str(MODEL / "code")}
    # these are beside this file
    from recore_columns import remove_columns  # type: ignore[import-not-found]
    from recore_serving import DefaultHooks, LoadedModel  # type: ignore[import-not-found]

    model, inputs = LoadedModel(DefaultHooks()), PROCESSING / "output/preprocess/public.csv"
    remove_columns(inputs, json.loads(Path(__file__).with_name("recore_targets.json").read_text()))
    status, *_ = model.respond(inputs.read_bytes(), "text/csv", {"HTTP_ACCEPT": "text/csv"})
    sys.stdout.flush()
    os._exit(bool(model.reason) or not status.startswith("200"))  # without waiting for threads of the submission


def read_events(path: Path) -> list[Any]:
    events = []
    with open(path, "ab+") as file:
        file.seek(0)
        for line in file.readlines(1 << 20)[:MOST]:
            try:
                events.append(json.loads(line))
            except ValueError:
                continue
    return events


if __name__ == "__main__":
    main()
