"""Step 2: preprocess.py runs alone, on public and on private data."""

import io
import runpy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

Lines = Callable[[str], list[str]]
TARGETS = list(runpy.run_path(str(Path(__file__).parents[2] / "score.py"))["TARGETS"])


def read(lines: list[str]) -> pd.DataFrame:
    """Return the inputs in the output of step 2, without the targets, which are not sent to the model."""
    table = pd.read_csv(io.StringIO("".join(lines)), index_col=0)
    return table.drop(columns=TARGETS, errors="ignore")


def test_rows_keep_the_order_of_the_file(preprocess: Lines, data: dict[str, Path]) -> None:
    for name in ("public", "private"):
        index = pd.read_csv(data[name], usecols=[0], index_col=0).index
        assert list(read(preprocess(name)).index) == list(index)


def test_all_inputs_are_finite_numbers(preprocess: Lines) -> None:
    for name in ("public", "private"):
        assert np.isfinite(read(preprocess(name)).to_numpy(float)).all()


def test_private_and_public_data_result_in_the_same_columns(preprocess: Lines) -> None:
    assert list(read(preprocess("private"))) == list(read(preprocess("public")))


def test_a_row_depends_on_that_row_alone(preprocess: Lines) -> None:
    """In production, only a few rows arrive at a time."""
    half_lines = preprocess("half")
    assert half_lines == preprocess("private")[: len(half_lines)]


def test_inputs_do_not_depend_on_assays(preprocess: Lines) -> None:
    pd.testing.assert_frame_equal(read(preprocess("shuffled assays")), read(preprocess("public")))
