"""Codes in assay columns, such as 9999 for a missing value, are found unless they may be concentrations."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recore.dataset import suspected_codes
from recore.dataset.sample_files import DETECTION_LIMITS

NAN = float("nan")
GRADES = [0.2, 1.5, 3.1, 4.8, 12.0, 41.0, 7.7, 2.2]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([*GRADES, 9999.0, 9999.0], {9999.0: (8, 9)}),
        ([999.0, *GRADES], {999.0: (0,)}),  # in a single row, but all digits are nines
        ([*GRADES, NAN, 99999.0], {99999.0: (9,)}),
        ([*GRADES, 9999.0, 99999.0, 99999.0], {9999.0: (8,), 99999.0: (9, 10)}),  # missing and over-range
        ([*GRADES, 1e6, 1e6], {1e6: (8, 9)}),
        ([0.0, *GRADES, 0.0], {0.0: (0, 9)}),
        ([0.0, 0.0, 0.0, 0.0], {0.0: (0, 1, 2, 3)}),
        ([9999.0, 310.0, 4200.0, 18.0, 2500.0, 9999.0], {9999.0: (0, 5)}),
        ([*np.linspace(200, 1900, 60), *[999.0] * 3], {999.0: (60, 61, 62)}),
    ],
)
def test_codes_are_found_with_their_rows(values: list[float], expected: dict[float, tuple[int, ...]]) -> None:
    codes = suspected_codes({"CuPPM": values, "ZnPPM": GRADES})
    assert {code.value: code.rows for code in codes} == expected
    for code in codes:
        assert code.message.startswith(f"CuPPM: {len(code.rows)} of {np.isfinite(values).sum()} value")
        assert f"exactly {code.value:.12g}" in code.message


@pytest.mark.parametrize(
    "values",
    [
        GRADES,
        [0.0, *GRADES],  # one zero can be a mistake in a cell
        [*GRADES, 5200.0, 5200.0],  # a nugget in two replicates
        [*GRADES, 1e6],
        [120.0, 480.0, 990.0, 999.0, 999.0, 2100.0],  # zinc
        [*[10000.0] * 5, 9400.0, 8000.0, 7100.0],  # the upper limit of a method
        [9999.0, 9999.0],  # nothing to compare with
        [9999.0, 1.0, NAN, NAN],
        [0.05] * 40 + GRADES,  # half the limit of detection
        [],
        [NAN, NAN],
    ],
)
def test_contents_are_not_codes(values: list[float]) -> None:
    assert suspected_codes({"ZnPPM": values}) == []


def test_the_sample_data_has_no_codes(sample: Path) -> None:
    assays = pd.read_csv(sample / "public/public.csv.gz", usecols=list(DETECTION_LIMITS))
    assert suspected_codes({name: assays[name] for name in assays}) == []
