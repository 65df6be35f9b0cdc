"""What every part looks at: spectra that are compared by their shape, a few hundred bins each."""

from dataclasses import dataclass

import numpy as np

from recore.report.reading import Data, Floats

BINS = 250  # at most: neighbouring channels of a spectrum say much the same


@dataclass(frozen=True)
class Binned:
    """SNV spectra in bins. rows: which rows of the file these are, in order: those without a gap and not flat.

    values: (rows, bins), the mean of the bin's channels. wavenumbers: (bins,) their means. width: channels in a bin; as
    many as are left over at the low end are not used.
    """

    rows: np.ndarray
    values: Floats
    wavenumbers: Floats
    width: int


def snv(spectra: Floats) -> Floats:
    """Standard normal variate (Barnes, Dhanoa and Lister 1989): each row less its mean, by its standard deviation.

    Takes away an offset and a factor, as grain size and packing make them. A flat row becomes NaN.
    """
    centred = spectra - spectra.mean(axis=1, keepdims=True)
    deviation = np.sqrt((centred**2).mean(axis=1, keepdims=True))
    size = np.abs(spectra).max(axis=1, keepdims=True)
    return centred / np.where(deviation > 1e-9 * size, deviation, np.nan)


def binned(data: Data, like: Data | None = None) -> Binned:
    """SNV of the channels that can be used in the file, or in the one to compare with; means over neighbouring ones."""
    used = usable_channels(like or data)
    rows = np.flatnonzero(np.isfinite(data.spectra[:, used]).all(axis=1)) if used.any() else np.array([], int)
    width = max(1, -(-int(used.sum()) // BINS))
    bins = int(used.sum()) // width
    whole = bins * width
    wavenumbers = data.wavenumbers[used][:whole].reshape(bins, width).mean(axis=1)
    values = np.empty((len(rows), bins))
    for start in range(0, len(rows), 2000):
        part = snv(data.spectra[np.ix_(rows[start : start + 2000], used)])
        values[start : start + 2000] = part[:, :whole].reshape(len(part), bins, width).mean(axis=2)
    even = np.isfinite(values).all(axis=1)
    return Binned(rows[even], values[even], wavenumbers, width)


def usable_channels(data: Data) -> np.ndarray:
    """Channels with a number in nine of ten rows at the least: one that is empty must not take all rows with it."""
    gaps: np.ndarray = np.isnan(data.spectra).mean(axis=0) <= 0.1
    return gaps
