"""What a submission's files say about licences, from which the model card asks what is left open."""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

LICENCE_FILE = re.compile(r"(licen[cs]e|copying|notice)[^.]*(\.(txt|md|rst))?", re.IGNORECASE)
WEIGHTS = (  # suffixes of files with the weights of a model
    *(".bin", ".ckpt", ".gguf", ".h5", ".hdf5", ".joblib", ".keras", ".npy", ".npz", ".onnx", ".parquet", ".pickle"),
    *(".pkl", ".pt", ".pth", ".safetensors", ".tflite", ".ubj"),
)


def find_licences(files: Mapping[str, bytes]) -> dict[str, Any]:
    """The names of licence files with the first line of the first one, and of files with weights; and the suffixes."""
    texts = [name for name in files if LICENCE_FILE.fullmatch(PurePosixPath(name).name)]
    lines = files[texts[0]].decode("utf-8", "replace").splitlines() if texts else []
    weights = [name for name in sorted(files) if PurePosixPath(name).suffix.lower() in WEIGHTS]
    return {
        "files": [f"submission/{name}" for name in texts],
        "first_line": next(filter(str.strip, lines), ""),
        "weights": [f"submission/{name}" for name in weights],
        "suffixes": WEIGHTS,
    }
