"""Diffuse reflectance (DRIFT) spectra of mineral mixtures as an FTIR spectrometer measures them, with disturbances.

Absorption coefficients are additive (Beer and Lambert). The reflectance of a powder follows from them by Kubelka and
Munk (Zeitschrift fuer technische Physik 12 (1931) 593-601): weak bands are enhanced, strong ones saturate.
"""

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from recore.dataset.minerals import MINERALS

ABSORPTION = 6.0  # strongest band of a pure mineral / scattering coefficient of a powder of medium grain size
BACKGROUND = 0.002  # absorption at all wavenumbers, relative to that; pure magnetite has 1
NOISE = 2e-4  # standard deviation of the absorbance where the detector is best

Bands = Sequence[tuple[float, float, float]]  # position in cm-1, height, half width in cm-1

WATER: Bands = [(3420, 1.0, 170), (3240, 0.4, 120), (1638, 0.35, 30), (2130, 0.05, 110), (690, 0.4, 120)]
CARBON_DIOXIDE: Bands = [(2361, 1.0, 10), (2338, 0.9, 12), (668, 0.5, 3)]
# The stronger lines of the bending and stretching bands of water vapour.
VAPOUR_LINES = (
    *(3904, 3854, 3821, 3802, 3751, 3735, 3711, 3690, 3676, 3649, 3629, 1869, 1844, 1792, 1772, 1734, 1717, 1699),
    *(1684, 1653, 1636, 1617, 1576, 1559, 1541, 1521, 1507, 1473, 1457, 1419),
)
VAPOUR: Bands = [(line, 1.0, 3.0) for line in VAPOUR_LINES]


def grid(channels: int) -> NDArray[np.float64]:
    """Wavenumbers (channels,) in cm-1, from 4000 falling to 600, to one decimal."""
    return np.round(np.linspace(4000, 600, channels), 1)


def band_shape(wavenumbers: NDArray[np.float64], bands: Bands) -> NDArray[np.float64]:
    """A sum of bands (channels,), each a Pearson VII function of exponent 2, between a Lorentzian and a Gaussian.

    It uses basic arithmetic only, so that all machines give the same bits.
    """
    total = np.zeros(len(wavenumbers))
    for position, height, half_width in bands:
        distance = (wavenumbers - position) / half_width
        total += height / (1 + (np.sqrt(2) - 1) * distance * distance) ** 2
    return total


class Spectrometer:
    """An instrument in its state while one hole was scanned, with the mineral chemistry of that hole.

    Between holes, bands shift and broaden a little, and specular reflection, noise and baseline differ, so that a hole
    is new to a model that was trained on others.
    """

    def __init__(self, wavenumbers: NDArray[np.float64], random: Generator):
        self._random = random
        self._pure = np.array([self._shifted_bands(wavenumbers, mineral.bands) for mineral in MINERALS.values()])
        self._opacity = np.array([mineral.opacity for mineral in MINERALS.values()])
        self._water, self._carbon_dioxide, self._vapour = (
            band_shape(wavenumbers, bands) for bands in (WATER, CARBON_DIOXIDE, VAPOUR)
        )
        along = (wavenumbers - 2300) / 1700
        self._baseline = np.array([np.ones_like(along), along, along**2])
        self._noise = NOISE * random.uniform(0.7, 2) * (1 + 4 * along**4)
        self._offsets = random.normal([0.04, 0.01, 0.0], [0.02, 0.015, 0.01])
        self._specular = random.uniform(0.01, 0.06)

    def measure(self, minerals: NDArray[np.float64]) -> NDArray[np.float64]:
        """Absorbances (rows, channels), to six decimals, of samples of mass fractions (rows, minerals)."""
        rows, random = len(minerals), self._random
        # one mineral after the other: the last bits of a matrix product would depend on the machine
        absorption = np.zeros((rows, self._pure.shape[1]))
        for fraction, spectrum in zip(minerals.T, self._pure, strict=True):
            absorption += fraction[:, None] * spectrum
        absorption += (BACKGROUND + 0.5 * (minerals * self._opacity).sum(axis=1))[:, None]
        absorption += np.outer(0.015 * random.exponential(size=rows), self._water)
        grain_size = np.exp(0.2 * random.standard_normal(rows))
        ratio = (ABSORPTION * grain_size)[:, None] * absorption  # K / S
        reflectance = 1 + ratio - np.sqrt(ratio * (ratio + 2))
        # light reflected by the surfaces of grains was not absorbed, which limits the apparent strength of bands
        absorbance = -np.log10((1 - self._specular) * reflectance + self._specular)
        baseline = self._offsets + random.normal(0, [0.02, 0.012, 0.006], (rows, 3))
        for number, shape in enumerate(self._baseline):
            absorbance += np.outer(baseline[:, number], shape)
        absorbance += np.outer(0.004 * random.standard_normal(rows), self._carbon_dioxide)
        absorbance += np.outer(0.0015 * random.standard_normal(rows), self._vapour)
        absorbance += self._noise * random.standard_normal(absorbance.shape)
        return np.round(absorbance, 6)

    def _shifted_bands(self, wavenumbers: NDArray[np.float64], bands: Bands) -> NDArray[np.float64]:
        shift = self._random.normal(0, 1.2)
        broadening = self._random.uniform(0.92, 1.1)
        shifted = [(position + shift, height, width * broadening) for position, height, width in bands]
        return band_shape(wavenumbers, shifted)
