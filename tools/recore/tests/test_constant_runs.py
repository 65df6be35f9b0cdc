from pathlib import Path

import numpy as np
import pytest

from recore.constant_runs import ConstantRun, find_constant_runs, format_constant_runs
from recore.spectral_data import read_data

AXIS = np.linspace(4000, 400, 901)
SMOOTH = 0.4 + np.exp(-(((AXIS - 1050) / 120) ** 2)) + 0.3 * np.exp(-(((AXIS - 3400) / 300) ** 2)) + AXIS / 20000


def spectra(rows: int = 40) -> np.ndarray:
    return SMOOTH + np.random.default_rng(0).normal(0, 2e-4, (rows, len(AXIS)))


@pytest.mark.parametrize(
    ("change", "first", "channels", "value"),
    [
        (lambda row: row.put(range(400, 500), 0.0), 400, 100, 0.0),
        (lambda row: row.put(range(400, 408), 0.0), 400, 8, 0.0),
        (lambda row: row.put(range(100), 0.0), 0, 100, 0.0),
        (lambda row: row.put(range(801, 901), 0.0), 801, 100, 0.0),
        (lambda row: row.put(range(420, 450), row[419]), 419, 31, None),  # filled with the preceding value
        (lambda row: row.clip(None, 1.2, out=row), 722, 32, 1.2),  # a saturated detector
    ],
)
@pytest.mark.parametrize("decimals", [6, 4])
def test_a_run_is_found_with_its_place(change, first: int, channels: int, value: float | None, decimals: int) -> None:
    rows = spectra().round(decimals)
    change(rows[7])
    (run,) = find_constant_runs(rows)
    assert run == ConstantRun(7, first, channels, rows[7, first] if value is None else value)


@pytest.mark.parametrize("decimals", [6, 4, 3, 2])
@pytest.mark.parametrize("step", [1, 2, 4])
def test_rounding_makes_no_such_runs(sample: Path, decimals: int, step: int) -> None:
    sample_spectra = read_data(sample / "public/public.csv.gz").spectra
    for rows in (sample_spectra, spectra()):
        assert find_constant_runs(rows[:, ::step].round(decimals)) == []


def test_a_run_is_found_on_a_coarse_grid() -> None:
    rows = spectra(2)[:, ::25].round(5)  # 36 channels
    rows[1, 14:22] = 0.0
    assert find_constant_runs(rows) == [ConstantRun(1, 14, 8, 0.0)]


def test_a_spectrum_that_becomes_flat_gradually_has_no_run() -> None:
    rows = 0.4 + np.exp(-(((AXIS - 1050) / 120) ** 2))
    assert find_constant_runs([rows.round(6), rows.round(3)]) == []


def test_a_rounded_spectrum_with_a_block_of_zeros_is_found() -> None:
    rows = spectra().round(2)
    rows[:10, 400:500] = 0.0
    assert [(run.row, run.first, run.channels) for run in find_constant_runs(rows)] == [
        (row, 400, 100) for row in range(10)
    ]


def test_flat_spectra_and_gaps_are_left_to_others() -> None:
    rows = spectra(3)
    rows[0], rows[1, 400:500], rows[2] = 0.5, np.nan, np.nan
    assert find_constant_runs(rows) == []


def test_a_sentence_names_the_spectra_and_the_channels() -> None:
    names = [f"a{index}" for index in range(40)]
    runs = [ConstantRun(row, 400, 101, 0.0) for row in range(10)]
    line = "10 of 40 spectra have 101 channels of exactly 0 (2000.0 to 2400.0 cm-1): a0, a1, a2, a3, a4 and 5 more"
    assert format_constant_runs(runs, AXIS, names) == line
    runs[3] = ConstantRun(3, 390, 50, 1.5)
    line = format_constant_runs(runs[2:4], AXIS, names)
    assert line == "2 of 40 spectra have 50 to 101 channels of exactly the same value (2000.0 to 2440.0 cm-1): a2, a3"
