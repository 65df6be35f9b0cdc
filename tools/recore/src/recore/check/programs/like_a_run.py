"""Makes a job of this folder's programs look like the jobs of a run to the submission's processes that it starts."""

import contextlib
import json
import os
import shutil
import tarfile
from itertools import takewhile
from pathlib import Path
from typing import Any

BASE = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
CHANNELS = ("code", "training")  # of the job of step 1
LISTS = ("SM_CHANNELS", "SM_INPUT_DATA_CONFIG", "SM_TRAINING_ENV")  # JSON that names the channels
TRAINING_PREFIXES = ("SM_", "SAGEMAKER_", "TRAINING_", "CURRENT_HOST")  # how variables of training jobs alone begin
SERVER = {
    "MAX_CONTENT_LENGTH": "104857600",
    "SAGEMAKER_BATCH": "true",
    "SAGEMAKER_MODEL_SERVER_TIMEOUT": "600",
    "SAGEMAKER_MODEL_SERVER_WORKERS": "1",
    "SAGEMAKER_PROGRAM": "train.py",
    "SAGEMAKER_SUBMIT_DIRECTORY": f"{BASE}/model/code",
}


def clear(folder: Path) -> None:
    """Remove all that is in a folder, which may be a mount."""
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def unpack(name: str, folder: Path) -> None:
    """Replace the content of a folder by that of NAME.tar.gz in one of the job's channels."""
    folder.mkdir(exist_ok=True)
    clear(folder)
    with tarfile.open(BASE / "input/data" / f"{name}.tar.gz") as tar:
        tar.extractall(folder, filter="data")


def make_variables(step: str, program: str) -> dict[str, str]:
    """The variables of a step: train, preprocess or predict. program: the name of the job's script, without .py."""
    if step == "train":
        further, variables = find_further_channels(), {}
        hidden = {f"SM_CHANNEL_{name.upper()}" for name in further}
        for name in os.environ.keys() - hidden:
            value = os.environ[name]
            if name in LISTS:
                kept = _without(json.loads(value), further)
                value = json.dumps(kept, sort_keys=True, separators=(",", ":"))
            variables[name] = _rename(value, program)
        return variables
    variables = {name: value for name, value in os.environ.items() if not name.startswith(TRAINING_PREFIXES)}
    variables["SM_MODEL_DIR"] = str(BASE / "model")
    # a training job's path goes on with Python's own folders, of which the first is an archive
    paths = takewhile(lambda path: not path.endswith(".zip"), os.environ.get("PYTHONPATH", "").split(":"))
    variables["PYTHONPATH"] = ":".join(path for path in paths if path not in ("", f"{BASE}/code"))
    if str(BASE) != "/opt/ml":  # there is no sandbox
        variables["SAGEMAKER_BASE_DIR"] = str(BASE)
    if step == "predict":
        return variables | SERVER
    run = os.environ.get("TRAINING_JOB_NAME", "").removesuffix("-train")
    return variables | {"PROCESSING_JOB_NAME": f"{run}-{step.replace(' ', '-')}"}


def rewrite_configuration(program: str) -> None:
    """Let the files that describe the job describe that of train.py."""
    further = find_further_channels()
    for name in ("hyperparameters.json", "inputdataconfig.json"):
        path = BASE / "input/config" / name
        with contextlib.suppress(OSError):
            kept = _without(json.loads(path.read_text()), further)
            path.write_text(_rename(json.dumps(kept), program))


def find_further_channels() -> set[str]:
    """The channels that the job of step 1 does not have."""
    return set(json.loads(os.environ.get("SM_CHANNELS", "[]"))) - set(CHANNELS)


def _rename(text: str, program: str) -> str:
    """A text with train instead of the program, as a file, as a text in JSON or alone; never as a part of a path."""
    return "train" if text == program else text.replace(f"{program}.py", "train.py").replace(f'"{program}"', '"train"')


def _without(value: Any, names: set[str]) -> Any:
    """A JSON value without these keys and elements."""
    if isinstance(value, dict):
        return {key: _without(each, names) for key, each in value.items() if key not in names}
    return [each for each in value if each not in names] if isinstance(value, list) else value
