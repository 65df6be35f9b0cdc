"""Data files written for tests."""

import gzip
from pathlib import Path

import pandas as pd


def write_csv(path: Path, data: pd.DataFrame) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    data.to_csv(path, compression={"method": "gzip", "compresslevel": 1})
    return path


def write_gz(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode() if isinstance(text, str) else text, 1))
    return path
