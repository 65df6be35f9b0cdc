"""Simulate diffuse reflectance (DRIFT) spectra of mineral mixtures from an FTIR spectrometer, with disturbances.

Absorption coefficients are additive (Beer-Lambert law). They determine a powder's reflectance by the theory of Kubelka
and Munk (Zeitschrift fuer technische Physik 12 (1931) 593-601): weak bands are enhanced, and strong bands saturate.

The constants from LEVEL to MAX_ABSORBANCE were chosen so that the published experiments on the challenge's data have
similar results on the sample data; see docs/dataset.md and benchmarks/published.py.
"""

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from recore.dataset.geology import MINERALS, logistic

MAX_WAVENUMBER, MIN_WAVENUMBER = 4000.0, 350.0  # cm-1
ABSORPTION = 6.0  # strongest band of a pure mineral / scattering coefficient of the powder
BACKGROUND = 0.002  # absorption at all wavenumbers, relative to that; pure magnetite has 1

# The absorbance due to lost scattered light, at all wavenumbers.
LEVEL = 0.6
# The additional absorbance at MIN_WAVENUMBER, where lattice vibrations absorb, and its decay in cm-1.
RISE, RISE_WIDTH = 2.5, 200.0
# The step by which absorbance falls above a position, within some width (both in cm-1). Minerals with electronic
# absorption there, such as chalcopyrite, fill it.
STEP, STEP_POSITION, STEP_WIDTH = 0.9, 3900.0, 10.0
# The path length of light in a powder, which scales all of these, and the standard deviation of its logarithm.
PATH, PATH_SPREAD = 0.4, 0.2
# Disturbances by water vapour, carbon dioxide and organic matter: the standard deviation of the absorbance at some
# wavenumbers in cm-1, with linear interpolation between them and 0 beyond.
DISTURBANCE, DISTURBED = 0.014, np.arange(770.0, 3800.0, 20.0)
# The standard deviation of the absorbance due to detector noise.
NOISE = 0.002
# The additional noise at MIN_WAVENUMBER, where the detector receives little light, its decay in cm-1, and the
# standard deviation of its logarithm from row to row.
CUT_OFF_NOISE, CUT_OFF_WIDTH, CUT_OFF_SPREAD = 3.2, 15.0, 1.2
# The largest absolute absorbance that the instrument writes.
MAX_ABSORBANCE = 10.0

Bands = Sequence[tuple[float, float, float]]  # position in cm-1, height, half width in cm-1

WATER: Bands = [(3420, 1.0, 170), (3240, 0.4, 120), (1638, 0.35, 30), (2130, 0.05, 110), (690, 0.4, 120)]


def grid(channels: int) -> NDArray[np.float64]:
    """Return wavenumbers (channels,) in cm-1, descending from MAX_WAVENUMBER to MIN_WAVENUMBER, with one decimal."""
    return np.round(np.linspace(MAX_WAVENUMBER, MIN_WAVENUMBER, channels), 1)


def channel_names(wavenumbers: NDArray[np.float64]) -> list[str]:
    """Return the names of the channels: integers if all wavenumbers are, otherwise with one decimal."""
    decimals = 1 if (wavenumbers % 1).any() else 0
    return [f"{wavenumber:.{decimals}f}" for wavenumber in wavenumbers]


def band_shape(wavenumbers: NDArray[np.float64], bands: Bands) -> NDArray[np.float64]:
    """Sum bands (channels,): Pearson VII functions of exponent 2, with a shape between Lorentzian and Gaussian.

    Only basic arithmetic is used, so that results are identical on all computers.
    """
    total = np.zeros(len(wavenumbers))
    for position, height, half_width in bands:
        distance = (wavenumbers - position) / half_width
        total += height / (1 + (np.sqrt(2) - 1) * distance * distance) ** 2
    return total


class Spectrometer:
    """A simulated spectrometer as it is while scanning one hole, and the mineral chemistry of that hole.

    Between holes, bands shift and broaden a little, and specular reflection differs, so that a new hole differs from
    the training data of a model.
    """

    def __init__(self, wavenumbers: NDArray[np.float64], random: Generator):
        self._random, self._wavenumbers = random, wavenumbers
        self._bands = np.array([self._shifted_bands(wavenumbers, mineral.bands) for mineral in MINERALS.values()])
        self._opacity = np.array([mineral.opacity for mineral in MINERALS.values()])
        self._electronic = np.array([mineral.electronic for mineral in MINERALS.values()])
        self._water = band_shape(wavenumbers, WATER)
        self._above_step = logistic((wavenumbers - STEP_POSITION) / STEP_WIDTH)
        self._baseline = LEVEL + RISE * np.exp((MIN_WAVENUMBER - wavenumbers) / RISE_WIDTH) - STEP * self._above_step
        self._cut_off = CUT_OFF_NOISE * np.exp((MIN_WAVENUMBER - wavenumbers) / CUT_OFF_WIDTH)
        self._specular = random.uniform(0.01, 0.06)

    def measure(self, minerals: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return absorbance (rows, channels), with five decimals, for mass fractions (rows, minerals)."""
        rows, random = len(minerals), self._random
        # one mineral at a time, because the last bits of a matrix product depend on the computer
        absorption = np.zeros((rows, self._bands.shape[1]))
        for fraction, spectrum in zip(minerals.T, self._bands, strict=True):
            absorption += fraction[:, None] * spectrum
        absorption += (BACKGROUND + 0.5 * (minerals * self._opacity).sum(axis=1))[:, None]
        absorption += np.outer(0.015 * random.exponential(size=rows), self._water)
        ratio = ABSORPTION * absorption  # K / S
        reflectance = 1 + ratio - np.sqrt(ratio * (ratio + 2))
        # light reflected by grain surfaces is not absorbed, which limits the apparent height of bands
        absorbance = -np.log10((1 - self._specular) * reflectance + self._specular)
        absorbance += self._baseline + np.outer((minerals * self._electronic).sum(axis=1), self._above_step)
        absorbance *= PATH * np.exp(PATH_SPREAD * random.standard_normal(rows))[:, None]
        disturbances = DISTURBANCE * random.standard_normal((rows, len(DISTURBED)))
        disturbances[:, [0, -1]] = 0  # interpolation repeats them at all wavenumbers beyond
        absorbance += [np.interp(self._wavenumbers, DISTURBED, disturbance) for disturbance in disturbances]
        noise = NOISE + np.outer(np.exp(CUT_OFF_SPREAD * random.standard_normal(rows)), self._cut_off)
        absorbance += noise * random.standard_normal(absorbance.shape)
        return np.round(absorbance, 5).clip(-MAX_ABSORBANCE, MAX_ABSORBANCE)

    def _shifted_bands(self, wavenumbers: NDArray[np.float64], bands: Bands) -> NDArray[np.float64]:
        shift = self._random.normal(0, 1.2)
        broadening = self._random.uniform(0.92, 1.1)
        shifted = [(position + shift, height, width * broadening) for position, height, width in bands]
        return band_shape(wavenumbers, shifted)
