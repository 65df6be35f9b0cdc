"""Prepare the environment in which this folder's programs run a submission's steps, as in the jobs of a run."""

import contextlib
import json
import os
import shutil
import tarfile
from itertools import takewhile
from pathlib import Path
from typing import Any

BASE = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
CHANNELS = ("code", "training")  # channels of the job of step 1
LISTS = ("SM_CHANNELS", "SM_INPUT_DATA_CONFIG", "SM_TRAINING_ENV")  # JSON that lists the channels
TRAINING_PREFIXES = ("SM_", "SAGEMAKER_", "TRAINING_", "CURRENT_HOST")  # variables of training jobs only
SERVER = {
    "MAX_CONTENT_LENGTH": "104857600",
    "SAGEMAKER_BATCH": "true",
    "SAGEMAKER_MODEL_SERVER_TIMEOUT": "600",
    "SAGEMAKER_MODEL_SERVER_WORKERS": "1",
    "SAGEMAKER_PROGRAM": "train.py",
    "SAGEMAKER_SUBMIT_DIRECTORY": f"{BASE}/model/code",
}


def clear(folder: Path) -> None:
    """Remove a folder's contents, but not the folder itself, which may be a mount point."""
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def unpack(name: str, folder: Path) -> None:
    """Replace a folder's contents with an archive's files. name: CHANNEL/ARCHIVE, without .tar.gz."""
    folder.mkdir(exist_ok=True)
    clear(folder)
    with tarfile.open(BASE / "input/data" / f"{name}.tar.gz") as tar:
        tar.extractall(folder, filter="data")


def make_variables(step: str, program: str) -> dict[str, str]:
    """Return a step's environment variables. step: its name, such as train. program: the job's script, without .py."""
    if step == "train":
        channels, variables = find_further_channels(), {}
        hidden_names = {f"SM_CHANNEL_{name.upper()}" for name in channels}
        for name in os.environ.keys() - hidden_names:
            value = os.environ[name]
            if name in LISTS:
                value = json.dumps(_remove_names(json.loads(value), channels), sort_keys=True, separators=(",", ":"))
            variables[name] = _rename(value, program)
        return variables
    variables = {name: value for name, value in os.environ.items() if not name.startswith(TRAINING_PREFIXES)}
    variables["SM_MODEL_DIR"] = str(BASE / "model")
    # a training job's path continues with Python's own folders, of which the first is an archive
    paths = takewhile(lambda path: not path.endswith(".zip"), os.environ.get("PYTHONPATH", "").split(":"))
    variables["PYTHONPATH"] = ":".join(path for path in paths if path not in ("", f"{BASE}/code"))
    if str(BASE) != "/opt/ml":  # there is no sandbox
        variables["SAGEMAKER_BASE_DIR"] = str(BASE)
    if step == "predict":
        return variables | SERVER
    run = os.environ.get("TRAINING_JOB_NAME", "").removesuffix("-train")
    return variables | {"PROCESSING_JOB_NAME": f"{run}-{step.replace(' ', '-')}"}


def rewrite_configuration(program: str) -> None:
    """Rewrite the job's configuration files so that they describe a job that runs train.py."""
    channels = find_further_channels()
    for name in ("hyperparameters.json", "inputdataconfig.json"):
        path = BASE / "input/config" / name
        with contextlib.suppress(OSError):
            configuration = _remove_names(json.loads(path.read_text()), channels)
            path.write_text(_rename(json.dumps(configuration), program))


def find_further_channels() -> set[str]:
    """Return the channels of this job that the job of step 1 lacks."""
    return set(json.loads(os.environ.get("SM_CHANNELS", "[]"))) - set(CHANNELS)


def _rename(value: str, program: str) -> str:
    """Replace the program's name with "train" where it is a file name, a quoted JSON string, or the entire value."""
    new_value = value.replace(f"{program}.py", "train.py").replace(f'"{program}"', '"train"')
    return "train" if value == program else new_value


def _remove_names(value: Any, names: set[str]) -> Any:
    """Return a JSON value without these keys and list elements."""
    if isinstance(value, dict):
        return {key: _remove_names(each, names) for key, each in value.items() if key not in names}
    return [each for each in value if each not in names] if isinstance(value, list) else value
