"""Trains a submission without each fold of the drill holes, and predicts the fold as the container's server does.

It runs as the script of a training job, because processing jobs do not install requirements.txt. Channels: `code` (this
file, the files beside it, requirements.txt), `submission` (submission.tar.gz), `folds` (for each fold NUMBER.csv.gz,
the data without it, and NUMBER.csv, the fold as preprocess.py writes it; and own.csv.gz, all folds). Into the model
folder go the responses, NUMBER.csv.out, and the submission's own held-out predictions of all folds, own.csv.out; or the
reason of a failure, as NUMBER.train.failed, NUMBER.predict.failed or own.train.failed.

Each training and each prediction is a separate process, which is forked after the libraries have been imported: with
few rows, importing them takes longer than all else. A submission that means to can read all of the job's data in each
of them. Where that matters, as in `recore judge`, the job has one fold only.
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

from like_a_run import clear, make_variables, rewrite_configuration, unpack  # type: ignore[import-not-found]

BASE = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
MODEL, CODE, FOLDS, TRAINING = BASE / "model", BASE / "code", BASE / "input/data/folds", BASE / "input/data/training"
HELD_OUT = "held_out.csv"
SECONDS = 1800  # of a training or a prediction
PAUSE = 0.02  # seconds between two looks at a process
LIBRARIES = ("pandas", "sklearn.linear_model", "sklearn.model_selection", "sklearn.pipeline")


def main() -> None:
    if sys.argv[1:] != ["here"]:  # the submission needs this folder: go on from another one
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
        worked = run_training("own", [], folder / "own.train.failed") == 0
        if worked and (MODEL / HELD_OUT).is_file():
            shutil.copy(MODEL / HELD_OUT, folder / "own.csv.out")
    began, longest = time.monotonic(), 0.0
    for number in range(len([*FOLDS.glob("[0-9].csv.gz")])):
        started = time.monotonic()
        if number and started - began + longest > settings["seconds"]:
            break
        if run_training(str(number), arguments, folder / f"{number}.train.failed") == 0:
            unpack("submission/submission", MODEL / "code")
            prediction = partial(predict, FOLDS / f"{number}.csv", folder / f"{number}.csv.out")
            run(prediction, folder / f"{number}.predict.failed")
        longest = max(longest, time.monotonic() - started)
    clear(MODEL)
    for result in (*folder.glob("*.csv.out"), *folder.glob("*.failed")):
        shutil.copy(result, MODEL)


def run_training(name: str, arguments: list[str], failed: Path) -> int:
    """Run train.py with the data of this name, without anything that an earlier training left; its exit status."""
    clear(MODEL)
    unpack("submission/submission", CODE)
    shutil.copy(FOLDS / f"{name}.csv.gz", TRAINING / "public.csv.gz")
    return run(partial(train, arguments), failed)


def run(work: Callable[[], None], failed: Path) -> int:
    """Do some work in a process of its own; its exit status, not 0 if it fails or takes too long.

    failed: the file that then gets the reason.
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
    ends = time.monotonic() + SECONDS
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            code = os.waitstatus_to_exitcode(status)
            if code and not failed.exists():
                failed.write_text(f"it ended with status {code}")
            return code
        if time.monotonic() > ends:
            os.killpg(child, signal.SIGKILL)
        time.sleep(PAUSE)


def train(arguments: list[str]) -> None:
    """Run train.py as the job of step 1 does."""
    os.chdir(CODE)
    sys.argv = ["train.py", *arguments]
    sys.path[0] = str(CODE)
    runpy.run_path("train.py", run_name="__main__")


def predict(request: Path, answer: Path) -> None:
    """Answer a request as the server of step 3 does."""
    # it is beside this file
    from recore_serving import DefaultHooks, LoadedModel  # type: ignore[import-not-found]

    os.environ |= {"SAGEMAKER_PROGRAM": "train.py", "SAGEMAKER_SUBMIT_DIRECTORY": str(MODEL / "code")}
    model = LoadedModel(DefaultHooks())
    if model.reason:
        sys.exit(model.reason)
    status, _, body = model.respond(request.read_bytes(), "text/csv", {"HTTP_ACCEPT": "text/csv"})
    if not status.startswith("200"):
        sys.exit(body.decode(errors="replace"))
    answer.write_bytes(body)


if __name__ == "__main__":
    main()
