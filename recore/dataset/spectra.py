"""Spectra of mineral mixtures as an FTIR spectrometer gives them in diffuse reflectance (DRIFT), and what spoils them.

Absorption coefficients add up by Beer and Lambert. What comes back from a powder follows from them by Kubelka and
Munk (Zeitschrift fuer technische Physik 12 (1931) 593-601): weak bands stand out, strong ones saturate.
"""

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from recore.dataset.minerals import MINERALS

ABSORPTION = 6.0  # of a pure mineral's strongest band, over the scattering coefficient of a middling powder
BACKGROUND = 0.002  # absorption everywhere, relative to that; a sample of magnetite alone has 1
NOISE = 2e-4  # standard deviation of the absorbance where the detector is at its best

Bands = Sequence[tuple[float, float, float]]  # position in cm-1, height, half width in cm-1

WATER: Bands = [(3420, 1.0, 170), (3240, 0.4, 120), (1638, 0.35, 30), (2130, 0.05, 110), (690, 0.4, 120)]
CARBON_DIOXIDE: Bands = [(2361, 1.0, 10), (2338, 0.9, 12), (668, 0.5, 3)]
# The stronger lines of water vapour's bending and stretching bands.
VAPOUR_LINES = (
    *(3904, 3854, 3821, 3802, 3751, 3735, 3711, 3690, 3676, 3649, 3629, 1869, 1844, 1792, 1772, 1734, 1717, 1699),
    *(1684, 1653, 1636, 1617, 1576, 1559, 1541, 1521, 1507, 1473, 1457, 1419),
)
VAPOUR: Bands = [(line, 1.0, 3.0) for line in VAPOUR_LINES]


def grid(channels: int) -> NDArray[np.float64]:
    """Wavenumbers (channels,) in cm-1, from 4000 falling to 600, to one decimal."""
    return np.round(np.linspace(4000, 600, channels), 1)


def band_shape(wavenumbers: NDArray[np.float64], bands: Bands) -> NDArray[np.float64]:
    """A sum of bands (channels,), each a Pearson VII of exponent 2, between Lorentz's shape and Gauss's.

    Made of arithmetic alone, it has the same bits on every machine.
    """
    total = np.zeros(len(wavenumbers))
    for position, height, half_width in bands:
        distance = (wavenumbers - position) / half_width
        total += height / (1 + (np.sqrt(2) - 1) * distance * distance) ** 2
    return total


class Spectrometer:
    """An instrument as it stood while one hole was scanned, with that hole's own mineral chemistry.

    From hole to hole bands move and broaden a little, and specular reflection, noise and the baseline differ:
    a model that has seen other holes has not seen these.
    """

    def __init__(self, wavenumbers: NDArray[np.float64], random: Generator):
        self._random = random
        self._pure = np.array([self._drifted(wavenumbers, mineral.bands) for mineral in MINERALS.values()])
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
        # one mineral after the other, not by a matrix product: its last bits would depend on the machine
        absorption = np.zeros((rows, self._pure.shape[1]))
        for fraction, spectrum in zip(minerals.T, self._pure, strict=True):
            absorption += fraction[:, None] * spectrum
        absorption += (BACKGROUND + 0.5 * (minerals * self._opacity).sum(axis=1))[:, None]
        absorption += self._each(0.015 * random.exponential(size=rows), self._water)
        grain_size = np.exp(0.2 * random.standard_normal(rows))
        ratio = (ABSORPTION * grain_size)[:, None] * absorption  # K / S
        reflectance = 1 + ratio - np.sqrt(ratio * (ratio + 2))
        # light that the grains' faces throw back has met no band: it limits how strong one can look
        absorbance = -np.log10((1 - self._specular) * reflectance + self._specular)
        baseline = self._offsets + random.normal(0, [0.02, 0.012, 0.006], (rows, 3))
        for number, shape in enumerate(self._baseline):
            absorbance += self._each(baseline[:, number], shape)
        absorbance += self._each(0.004 * random.standard_normal(rows), self._carbon_dioxide)
        absorbance += self._each(0.0015 * random.standard_normal(rows), self._vapour)
        absorbance += self._noise * random.standard_normal(absorbance.shape)
        return np.round(absorbance, 6)

    def _drifted(self, wavenumbers: NDArray[np.float64], bands: Bands) -> NDArray[np.float64]:
        shift = self._random.normal(0, 1.2)
        breadth = self._random.uniform(0.92, 1.1)
        return band_shape(
            wavenumbers, [(position + shift, height, width * breadth) for position, height, width in bands]
        )

    @staticmethod
    def _each(amount: NDArray[np.float64], shape: NDArray[np.float64]) -> NDArray[np.float64]:
        return amount[:, None] * shape
