"""Step 2: preprocess.py runs alone, on public and on private data."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

Lines = Callable[[str], list[str]]


def read(lines: list[str]) -> pd.DataFrame:
    return pd.read_csv(io.StringIO("".join(lines)), index_col=0)


def test_rows_keep_the_order_of_the_file(preprocessed: Lines, data: dict[str, Path]) -> None:
    for name in ("public", "private"):
        index = pd.read_csv(data[name], usecols=[0], index_col=0).index
        assert list(read(preprocessed(name)).index) == list(index)


def test_all_inputs_are_finite_numbers(preprocessed: Lines) -> None:
    for name in ("public", "private"):
        assert np.isfinite(read(preprocessed(name)).to_numpy(float)).all()


def test_private_and_public_data_result_in_the_same_columns(preprocessed: Lines) -> None:
    assert preprocessed("private")[0] == preprocessed("public")[0]


def test_a_row_depends_on_that_row_alone(preprocessed: Lines) -> None:
    """In production, only a few rows arrive at a time."""
    half = preprocessed("half")
    assert half == preprocessed("private")[: len(half)]


def test_assays_are_not_among_the_inputs(preprocessed: Lines) -> None:
    assert preprocessed("shuffled assays") == preprocessed("public")
