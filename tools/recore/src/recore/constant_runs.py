"""Find runs of channels with exactly the same value, which suggest that these were filled, clipped or cut out.

No instrument measures the same value in many channels, but rounding causes short runs: in the YAMSYS soil spectra, of 6
channels with four decimals, 24 with three and 90 with two. Runs caused by rounding differ from filled channels in two
ways: at their ends, the spectrum changes by one unit of the last decimal, and other values also have runs.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recore.listing import count, list_names

Floats = NDArray[np.float64]

MIN_CHANNELS = 8  # channels
LARGE_STEP = 10  # multiple of the usual step between channels with different values; rounded values differ by one unit
LONG_RATIO = 5  # multiple of the longest run of a different value; rounding to two or more decimals caused at most 3.6
STEP_UNITS = 2.5  # times the smallest step, next to a long run; spectra that flatten gradually have steps of one unit
MAX_LISTED = 5  # maximum number of spectra listed in a sentence


@dataclass(frozen=True)
class ConstantRun:
    """The longest run in a spectrum: the row, the first channel, the number of channels, and their value."""

    row: int
    first: int
    channels: int
    value: float


def find_constant_runs(spectra: Iterable[Floats]) -> list[ConstantRun]:
    """Return, for each spectrum (channels,) except flat ones, the longest run not explained by rounding, if any."""
    runs = (_longest_run(row, values) for row, values in enumerate(spectra))
    return [run for run in runs if run]


def format_constant_runs(runs: Sequence[ConstantRun], wavenumbers: Floats, names: Sequence[Any]) -> str:
    """Return a sentence about runs: the number and the names of their spectra, and the range of wavenumbers.

    wavenumbers: (channels,) cm-1. names: the names of all spectra.
    """
    lengths, values = sorted({run.channels for run in runs}), {run.value for run in runs}
    channels = count(lengths[0], "channel") if len(lengths) == 1 else f"{lengths[0]:,} to {lengths[-1]:,} channels"
    value = f"exactly {values.pop():g}" if len(values) == 1 else "exactly the same value"
    ends = [wavenumbers[position] for run in runs for position in (run.first, run.first + run.channels - 1)]
    have = "has" if len(runs) == 1 else "have"
    row_names = list_names([str(names[run.row])[:40] for run in runs], MAX_LISTED)
    return (
        f"{len(runs):,} of {count(len(names), 'spectrum', 'spectra')} {have} {channels} of {value} "
        f"({min(ends):.1f} to {max(ends):.1f} cm-1): {row_names}"
    )


def _longest_run(row: int, values: Floats) -> ConstantRun | None:
    """Return the longest run that rounding does not explain, or None if it explains all runs."""
    if (values[1:] == values[:-1]).sum() < MIN_CHANNELS - 1:
        return None
    steps = np.abs(np.diff(values))
    ends = np.flatnonzero(steps != 0)  # missing values also separate runs
    starts = np.concatenate(([0], ends + 1))
    lengths = np.diff(np.concatenate((starts, [len(values)])))
    candidates = np.flatnonzero(lengths >= MIN_CHANNELS)
    changes = steps[np.isfinite(steps) & (steps > 0)]
    if not len(candidates) or not len(changes):
        return None
    large, small = LARGE_STEP * np.median(changes), STEP_UNITS * changes.min()
    for run in candidates[np.argsort(-lengths[candidates], kind="stable")]:
        first, length = int(starts[run]), int(lengths[run])
        end_steps = steps[[end for end in (first - 1, first + length - 1) if 0 <= end < len(steps)]]
        longest_other = lengths[values[starts] != values[first]].max()
        if (end_steps >= large).any() or ((end_steps >= small).any() and length >= LONG_RATIO * longest_other):
            return ConstantRun(row, first, length, float(values[first]))
    return None
