"""Run a submission's steps (preprocess.py, train.py and the hooks) with an audit hook that reports their actions.

This is the script of a training job, because processing jobs do not install requirements.txt. Channels: `code` (this
file, the files next to it, requirements.txt), `submission` (submission.tar.gz), `training` (public.csv.gz), `private`
(public.csv.gz, similar to the private file, for preprocess.py only). The job writes the status, seconds and events of
each step to results.json in the model folder.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from step_environment import clear, make_variables, rewrite_configuration, unpack  # type: ignore[import-not-found]

BASE = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
MODEL, CODE, PROCESSING = BASE / "model", BASE / "code", BASE / "processing"
SECONDS = 1500  # time limit for a step
INPUTS = {"private preprocess": "private", "public preprocess": "training"}  # the channel with the data of a step
MAX_EVENTS = 200  # per step


def main() -> None:
    if sys.argv[1:] == ["predict"]:
        predict()
    elif sys.argv[1:] != ["here"]:  # the submission needs this folder, so continue from another one
        folder = tempfile.mkdtemp()
        shutil.copytree(CODE, folder, dirs_exist_ok=True)
        os.execv(sys.executable, [sys.executable, f"{folder}/observe.py", "here"])  # noqa: S606
    else:
        observe(Path(__file__).parent)


def observe(folder: Path) -> None:
    unpack("submission/submission", CODE)
    hidden = Path(tempfile.mkdtemp())  # holds the data of a step until it begins
    for name, channel in INPUTS.items():
        shutil.copy(BASE / "input/data" / channel / "public.csv.gz", hidden / name)
    for channel in ("submission", "private"):
        shutil.rmtree(BASE / "input/data" / channel, ignore_errors=True)
    rewrite_configuration("observe")
    for name in ("input/public", "input/code", "output/preprocess"):
        (PROCESSING / name).mkdir(parents=True, exist_ok=True)
    shutil.copy(CODE / "preprocess.py", PROCESSING / "input/code")
    steps = {
        **{name: [f"{PROCESSING}/input/code/preprocess.py"] for name in INPUTS},
        "train": ["train.py"],
        "predict": [f"{folder}/observe.py", "predict"],
    }
    if str(BASE) != "/opt/ml":  # without a sandbox the container's paths do not exist
        inputs, output = PROCESSING / "input/public/public.csv.gz", PROCESSING / "output/preprocess/public.csv"
        for name in INPUTS:
            steps[name] += ["--input", str(inputs), "--output", str(output)]
    report = {}
    for name, command in steps.items():
        if name in INPUTS:
            shutil.copy(hidden / name, PROCESSING / "input/public/public.csv.gz")
        hook = Path(tempfile.mkdtemp())
        shutil.copy(folder / "recore_hook.py", hook / "sitecustomize.py")
        start = time.monotonic()
        variables = make_variables(name, "observe")
        variables["RECORE_AUDIT"] = "file"
        variables["PYTHONPATH"] = ":".join(filter(None, (str(hook), variables.get("PYTHONPATH", ""))))
        status = run(command, str(CODE) if name == "train" else "/", variables)
        events = read_events(hook / "events")
        report[name] = {"status": status, "seconds": time.monotonic() - start, "events": events}
    clear(MODEL)
    (MODEL / "results.json").write_text(json.dumps(report))


def run(command: list[str], folder: str, variables: dict[str, str]) -> int:
    """Run a script and return its exit status, or 124 if it takes too long."""
    with subprocess.Popen(["python", *command], cwd=folder, env=variables, start_new_session=True) as process:
        try:
            return process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return 124


def predict() -> None:
    """Load train.py's model and predict from the output of preprocess.py, as the container's server does."""
    shutil.copytree(CODE, MODEL / "code", dirs_exist_ok=True)
    # these modules are next to this file
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
        for line in file.readlines(1 << 20)[:MAX_EVENTS]:
            with contextlib.suppress(ValueError):
                events.append(json.loads(line))
    return events


if __name__ == "__main__":
    main()
