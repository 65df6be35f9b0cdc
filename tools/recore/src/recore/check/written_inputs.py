"""The columns of what preprocess.py writes, as numbers or text."""

from pathlib import Path

import pandas as pd


def read_columns(path: Path) -> pd.DataFrame:
    """The inputs without their index; no rows if pandas cannot read them, which other rules report."""
    try:
        return pd.read_csv(path, index_col=0, low_memory=False)
    except (ValueError, OSError):
        return pd.DataFrame()
