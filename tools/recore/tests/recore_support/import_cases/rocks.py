"""Axes of instruments and realistic spectra of rocks on them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

BANDS = (  # cm-1: position, width, height in absorbance
    (7100, 200, 0.1),  # hydroxyl, overtone
    (5200, 150, 0.15),  # water, combination
    (4530, 90, 0.12),  # hydroxyl and aluminium
    (3620, 80, 0.5),  # hydroxyl of clay
    (3400, 200, 0.4),  # water
    (1630, 80, 0.2),  # water
    (1440, 120, 0.5),  # carbonate
    (1030, 130, 1.0),  # silicate
    (800, 60, 0.4),  # quartz
    (530, 80, 0.7),  # silicate
)


@dataclass(frozen=True)
class Axis:
    """An axis as written: positions in `unit` ("cm-1", "nm" or "um") with this number of decimals."""

    positions: Numbers
    unit: str = "cm-1"
    decimals: int = 1

    @property
    def wavenumbers(self) -> Numbers:
        """The positions in cm-1."""
        factor = {"cm-1": None, "nm": 1e7, "um": 1e4}[self.unit]
        return self.positions if factor is None else factor / self.positions

    @property
    def reversed(self) -> "Axis":
        """The same axis in the other direction."""
        return Axis(self.positions[::-1], self.unit, self.decimals)


def axis(first: float, last: float, step: float, unit: str = "cm-1", decimals: int = 1) -> Axis:
    """An axis from the first position to about the last one."""
    number = int(np.floor((last - first) / step + 1e-9)) + 1
    return Axis(np.round(first + step * np.arange(number), decimals), unit, decimals)


MIR = axis(4000, 600, -100)
MIR_WHOLE = axis(4000, 400, -100, decimals=0)
OPUS = axis(3997.41234, 597.123, -98.13571, decimals=5)
OMNIC = axis(399.1927, 4000.2, 96.4358, decimals=4)  # rising, as OMNIC exports
NIR = axis(10000, 4000, -200, decimals=0)
NIR_OPUS = axis(11995.36, 3999.6, -246.8531, decimals=3)
NIR_NM = axis(1100, 2500, 40, "nm", 0)
VISNIR_NM = axis(350, 2500, 50, "nm", 0)
MIR_NM = axis(6000, 14500, 250, "nm", 0)
MIR_UM = axis(2.5, 16.0, 0.375, "um", 4)


def absorbance(wavenumbers: Numbers, rows: int) -> Numbers:
    """Absorbance of rocks, (rows, channels), at wavenumbers in cm-1; the rows differ in the heights of the bands."""
    result = np.empty((rows, len(wavenumbers)))
    for row in range(rows):
        result[row] = 0.2 + 0.3 * (wavenumbers / 25_000) ** 2 + 0.01 * row
        for number, (position, width, height) in enumerate(BANDS):
            height *= 1 + 0.15 * np.sin(1 + row * (number + 1))
            result[row] += height * np.exp(-(((wavenumbers - position) / width) ** 2))
    return result
