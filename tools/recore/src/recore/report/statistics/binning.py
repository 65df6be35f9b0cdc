"""Spectra as the reports compare them: their shapes (SNV), averaged in at most MOST_BINS bins."""

import math
from dataclasses import dataclass

import numpy as np

from recore.spectral_data import Floats, SpectralData, snv

MOST_BINS = 250  # neighbouring channels of a spectrum contain almost the same information
BLOCK = 2000  # rows processed at once, to limit memory
MOST_GAPS = 0.1  # the share of rows without a value up to which a channel is used
EDGE = 100  # channels that are not used at either end, where a detector may be noisy; at most 5 % of them


@dataclass(frozen=True)
class Binned:
    """The binned SNV spectra of the rows whose spectrum has no gap and is not flat.

    rows: their row numbers in the file, ascending. values: (rows, bins) the mean of each bin's channels. wavenumbers:
    (bins,) means. width: channels in a bin; those left over at the low end are not used.
    """

    rows: np.ndarray
    values: Floats
    wavenumbers: Floats
    width: int


def bin_spectra(data: SpectralData, like: SpectralData | None = None) -> Binned:
    """Bin the SNV spectra of a file over the channels that are usable in it, or in the file `like` if there is one."""
    usable = usable_channels(like or data)
    rows = np.flatnonzero(np.isfinite(data.spectra[:, usable]).all(axis=1)) if len(usable) else np.array([], int)
    width = max(1, math.ceil(len(usable) / MOST_BINS))
    bins = len(usable) // width
    used = bins * width
    values = np.empty((len(rows), bins))
    for start in range(0, len(rows), BLOCK):
        block = snv(data.spectra[np.ix_(rows[start : start + BLOCK], usable)])
        values[start : start + BLOCK] = block[:, :used].reshape(len(block), bins, width).mean(axis=2)
    has_shape = np.isfinite(values).all(axis=1)
    wavenumbers = data.wavenumbers[usable][:used].reshape(bins, width).mean(axis=1)
    return Binned(rows[has_shape], values[has_shape], wavenumbers, width)


def usable_channels(data: SpectralData) -> np.ndarray:
    """The numbers of the channels with values in most rows, without EDGE channels at either end.

    An empty channel would exclude every row, and noise that is wild at an end would decide the shape of a spectrum.
    """
    filled = np.flatnonzero(np.isnan(data.spectra).mean(axis=0) <= MOST_GAPS)
    edge = min(EDGE, len(filled) // 20)
    return filled[edge : len(filled) - edge]
