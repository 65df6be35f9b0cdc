"""Data files written for tests."""

import gzip
from pathlib import Path

import pandas as pd


def write_csv(path: Path, data: pd.DataFrame) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    data.to_csv(path, compression={"method": "gzip", "compresslevel": 1})
    return path


def write_gz(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content.encode() if isinstance(content, str) else content, 1))
    return path
