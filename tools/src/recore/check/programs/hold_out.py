"""Trains a submission without each fold of the drill holes, and predicts the fold as the container's server does.

It runs as the script of a training job, because processing jobs do not install requirements.txt. Channels: `code` (this
file, FILES, requirements.txt), `submission` (submission.tar.gz), `folds` (for each fold NUMBER.csv.gz, the data without
it, and NUMBER.csv, the fold as preprocess.py writes it). Into the model folder go the answers, NUMBER.csv.out.
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

BASE = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
MODEL, CODE, FOLDS, TRAINING = BASE / "model", BASE / "code", BASE / "input/data/folds", BASE / "input/data/training"
SECONDS = 1800  # of a training
FILES = ("hold_out.py", "recore_serving.py", "recore_settings.json")  # this one, the container's server, its settings


def main() -> None:
    if sys.argv[1:] == ["predict"]:
        predict(Path(__file__).parent)
    elif sys.argv[1:] != ["here"]:  # the submission needs this folder: go on from another one
        folder = tempfile.mkdtemp(prefix="hold-out-")
        for name in FILES:
            shutil.copy(CODE / name, folder)
        os.execv(sys.executable, [sys.executable, f"{folder}/hold_out.py", "here"])  # noqa: S606
    else:
        hold_out(Path(__file__).parent)


def hold_out(folder: Path) -> None:
    for path in CODE.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    with tarfile.open(BASE / "input/data/submission/submission.tar.gz") as tar:
        tar.extractall(CODE, filter="data")
    settings = json.loads((folder / "recore_settings.json").read_text())
    arguments = [word for name, value in settings["arguments"].items() for word in (f"--{name}", value)]
    TRAINING.mkdir(exist_ok=True)
    variables = dict(os.environ) | {"SM_CHANNEL_TRAINING": str(TRAINING), "SM_MODEL_DIR": str(MODEL)}
    variables |= settings["variables"]
    variables["PYTHONPATH"] = f"{CODE}:{os.environ.get('PYTHONPATH', '')}"
    began, longest = time.monotonic(), 0.0
    for number in range(len([*FOLDS.glob("*.csv.gz")])):
        started = time.monotonic()
        if number and started - began + longest > settings["seconds"]:
            break
        clear(MODEL)
        shutil.copy(FOLDS / f"{number}.csv.gz", TRAINING / "public.csv.gz")
        if run(["train.py", *arguments], CODE, variables) == 0:
            shutil.copytree(MODEL, folder / f"models/{number}", symlinks=True)
        longest = max(longest, time.monotonic() - started)
    clear(MODEL)
    run([f"{folder}/hold_out.py", "predict"], folder, variables)
    clear(MODEL)
    for answer in folder.glob("*.csv.out"):
        shutil.copy(answer, MODEL)


def clear(folder: Path) -> None:
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def run(command: list[str], folder: Path, variables: dict[str, str]) -> int:
    """Run a script; its exit status, 124 if it takes too long."""
    with subprocess.Popen(["python", *command], cwd=folder, env=variables, start_new_session=True) as process:
        try:
            return process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return 124


def predict(folder: Path) -> None:
    """Answer the request of each fold with its model, each in a process of its own."""
    os.environ |= {"SAGEMAKER_PROGRAM": "train.py", "SAGEMAKER_SUBMIT_DIRECTORY": str(MODEL / "code")}
    # it is beside this file
    from recore_serving import DefaultHooks, LoadedModel  # type: ignore[import-not-found]

    for model in sorted((folder / "models").iterdir()):
        clear(MODEL)
        shutil.copytree(model, MODEL, symlinks=True, dirs_exist_ok=True)
        shutil.copytree(CODE, MODEL / "code", dirs_exist_ok=True)
        child = os.fork()
        if child == 0:  # what the submission keeps in its modules is gone with the process
            loaded = LoadedModel(DefaultHooks())
            request = (FOLDS / f"{model.name}.csv").read_bytes()
            status, _, body = loaded.respond(request, "text/csv", {"HTTP_ACCEPT": "text/csv"})
            if not loaded.reason and status.startswith("200"):
                (folder / f"{model.name}.csv.out").write_bytes(body)
            sys.stdout.flush()
            os._exit(0)  # without waiting for threads of the submission
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
