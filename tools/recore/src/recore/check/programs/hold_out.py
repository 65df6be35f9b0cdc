"""For each fold of drill holes, train a submission without it and predict it as the container's server does.

This is the script of a training job, because processing jobs do not install requirements.txt. Channels: `code` (this
file, the files next to it, requirements.txt), `submission` (submission.tar.gz), `folds` (for each fold, NUMBER.csv.gz
with the data of the other folds and NUMBER.csv with the fold's inputs; own.csv.gz with the data of all folds). The job
writes to the model folder: the responses, NUMBER.csv.out; the unverified held-out predictions for all folds,
own.csv.out; and the reasons for failures, NUMBER.train.failed, NUMBER.predict.failed and own.train.failed.

Each model trains and predicts in separate processes, which are forked after the libraries have been imported: with few
rows, the imports take longer than everything else. In each process, a malicious submission can read all of the job's
data. Where that matters, as in `recore judge`, the job has only one fold.
"""

import contextlib
import importlib
import json
import os
import runpy
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path

from step_environment import clear, make_variables, rewrite_configuration, unpack  # type: ignore[import-not-found]

BASE = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
MODEL, CODE, FOLDS, TRAINING = BASE / "model", BASE / "code", BASE / "input/data/folds", BASE / "input/data/training"
HELD_OUT = "held_out.csv"
SECONDS = 1800  # time limit for training or predicting a fold
POLL_SECONDS = 0.02
LIBRARIES = ("pandas", "sklearn.linear_model", "sklearn.model_selection", "sklearn.pipeline")


def main() -> None:
    if sys.argv[1:] != ["here"]:  # the submission needs this folder, so continue from another one
        folder = tempfile.mkdtemp()
        shutil.copytree(CODE, folder, dirs_exist_ok=True)
        rewrite_configuration("hold_out")
        settings = json.loads((CODE / "recore_settings.json").read_text())
        variables = make_variables("train", "hold_out") | settings["variables"]
        variables |= {"SM_CHANNEL_TRAINING": str(TRAINING), "SM_MODEL_DIR": str(MODEL)}
        command = [sys.executable, f"{folder}/hold_out.py", "here"]
        os.execve(sys.executable, command, variables)  # noqa: S606
    hold_out(Path(__file__).parent)


def hold_out(folder: Path) -> None:
    settings = json.loads((folder / "recore_settings.json").read_text())
    arguments = [word for name, value in settings["arguments"].items() for word in (f"--{name}", value)]
    TRAINING.mkdir(exist_ok=True)
    for name in (*LIBRARIES, "recore_serving"):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    if (FOLDS / "own.csv.gz").exists():
        succeeded = run_training("own", [], folder / "own.train.failed") == 0
        if succeeded and (MODEL / HELD_OUT).is_file():
            shutil.copy(MODEL / HELD_OUT, folder / "own.csv.out")
    start, longest_fit = time.monotonic(), 0.0
    for number in range(len([*FOLDS.glob("[0-9].csv.gz")])):
        start_time = time.monotonic()
        if number and start_time - start + longest_fit > settings["seconds"]:
            break
        if run_training(str(number), arguments, folder / f"{number}.train.failed") == 0:
            unpack("submission/submission", MODEL / "code")
            prediction = partial(predict, FOLDS / f"{number}.csv", folder / f"{number}.csv.out")
            run(prediction, folder / f"{number}.predict.failed")
        longest_fit = max(longest_fit, time.monotonic() - start_time)
    clear(MODEL)
    for result in (*folder.glob("*.csv.out"), *folder.glob("*.failed")):
        shutil.copy(result, MODEL)


def run_training(name: str, arguments: list[str], failed: Path) -> int:
    """Run train.py in clean folders with the data NAME.csv.gz, and return its exit status."""
    clear(MODEL)
    unpack("submission/submission", CODE)
    shutil.copy(FOLDS / f"{name}.csv.gz", TRAINING / "public.csv.gz")
    return run(partial(train, arguments), failed)


def run(work: Callable[[], None], failed: Path) -> int:
    """Call a function in a separate process. Return its exit status, which is not 0 if it fails or takes too long.

    failed: the file to which the reason for a failure is written.
    """
    child = os.fork()
    if child == 0:
        os.setsid()
        status = 1
        try:
            work()
            status = 0
        except SystemExit as error:
            status = error.code if isinstance(error.code, int) else int(error.code is not None)
            if status:
                failed.write_text(str(error.code))
        except BaseException as error:
            traceback.print_exc()
            failed.write_text(f"{type(error).__name__}: {error}")
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status & 255)  # without waiting for threads of the submission
    deadline = time.monotonic() + SECONDS
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            code = os.waitstatus_to_exitcode(status)
            if code and not failed.exists():
                failed.write_text(f"it exited with status {code}")
            return code
        if time.monotonic() > deadline:
            os.killpg(child, signal.SIGKILL)
        time.sleep(POLL_SECONDS)


def train(arguments: list[str]) -> None:
    """Run train.py as the job of step 1 does."""
    os.chdir(CODE)
    sys.argv = ["train.py", *arguments]
    sys.path[0] = str(CODE)
    runpy.run_path("train.py", run_name="__main__")


def predict(request: Path, output: Path) -> None:
    """Respond to a request as the server of step 3 does."""
    # this module is next to this file
    from recore_serving import DefaultHooks, LoadedModel  # type: ignore[import-not-found]

    os.environ |= {"SAGEMAKER_PROGRAM": "train.py", "SAGEMAKER_SUBMIT_DIRECTORY": str(MODEL / "code")}
    model = LoadedModel(DefaultHooks())
    if model.reason:
        sys.exit(model.reason)
    status, _, body = model.respond(request.read_bytes(), "text/csv", {"HTTP_ACCEPT": "text/csv"})
    if not status.startswith("200"):
        sys.exit(body.decode(errors="replace"))
    output.write_bytes(body)


if __name__ == "__main__":
    main()
