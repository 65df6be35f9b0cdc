"""In some data files, channels that were not measured are 0 instead of empty. To a model, a block of zeros looks like
a strong band. If other channels are 0 in the private file, its predictions are wrong.

    spectra = data[channels].fillna(0)   # the inputs keep the block

Fix: remove these channels in `preprocess.py`, or interpolate them from their neighbours.
"""

import numpy as np
import pandas as pd

from recore.check.experiments import Experiments
from recore.check.inputs import read_columns
from recore.check.rule import Finding, Findings, Level, Location, rule
from recore.spectral_data import SpectralData

FIX = "Remove these channels in preprocess.py, or interpolate them from their neighbours"
MIN_CHANNELS, MIN_SHARE = 5, 0.01  # minimum length of a block; the share is of all channels


@rule("The inputs contain no block of channels that are 0", needs=("RC502",))
def inspect(experiments: Experiments) -> Findings:
    if block := find_zero_block(read_columns(experiments.preprocessing()), experiments.data.content):
        message = f"{block}; the inputs keep the gap as if it were measured"
        yield Finding(message, FIX, Location("preprocess.py"), Level.WARNING)


def find_zero_block(inputs: pd.DataFrame, data: SpectralData) -> str:
    """Describe the longest block of zeros in any spectrum whose inputs contain a similarly long run of equal values.

    Return "" if there is no such spectrum.
    """
    if len(inputs) != data.rows:
        return ""
    starts, lengths = longest_runs(data.spectra == 0)
    cells = inputs.apply(pd.to_numeric, errors="coerce").to_numpy(float)
    pairs = cells[:, 1:] == cells[:, :-1]
    channels = data.spectra.shape[1]
    interior = (starts > 0) & (starts + lengths < channels)
    pairs[interior] &= ~_mark_end_runs(pairs[interior])  # clipping also makes the ends of a spectrum equal
    _, equal = longest_runs(pairs)
    # one input may lie half in the block at either end, and a pair of equal cells counts once
    expected = np.maximum(2, np.floor(lengths / channels * cells.shape[1]) - 3)
    is_block = (lengths >= max(MIN_CHANNELS, MIN_SHARE * channels)) & (equal >= expected)
    if not is_block.any():
        return ""
    row = int(np.argmax(np.where(is_block, lengths, 0)))
    first, last = data.wavenumbers[[starts[row], starts[row] + lengths[row] - 1]]
    return f"in {is_block.sum()} of {data.rows} rows, a block of channels is 0, for example {first:g} to {last:g} cm-1"


def _mark_end_runs(flags: np.ndarray) -> np.ndarray:
    """Return a mask of the true values that belong to a run at either end of their row."""
    first, last = (np.logical_and.accumulate(each, axis=1) for each in (flags, flags[:, ::-1]))
    return np.asarray(first | last[:, ::-1])


def longest_runs(flags: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the start and the length of the longest run of true values in each row. flags: (rows, columns)."""
    current, starts, lengths = np.zeros((3, len(flags)), dtype=int)
    for column in range(flags.shape[1]):
        current = np.where(flags[:, column], current + 1, 0)
        longer = current > lengths
        lengths[longer] = current[longer]
        starts[longer] = column + 1 - current[longer]
    return starts, lengths
