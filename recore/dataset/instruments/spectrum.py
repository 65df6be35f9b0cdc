"""A spectrum: what a file holds, and what becomes of it: absorbance by falling wavenumber in cm-1, or a reason why not."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

TO_CM = {"nm": 1e7, "um": 1e4}  # cm-1 are this number divided by the wavelength
LARGEST = {"fraction": 2.0, "percent": 200.0}  # a reflectance or transmittance: noise and a dark reference included
HIGHEST_ABSORBANCE = 10.0  # no detector sees a light of 1e-10
WINDOWS = ((2650, 2750), (2050, 2200))  # cm-1 where rocks and soils absorb little


@dataclass(frozen=True)
class Measured:
    """A spectrum as a file holds it.

    `source` names the file, and the line where a file holds many. `unit` is that of x: "cm-1", "um", "nm", or "" where
    the file does not say; `quantity` is that of y: "absorbance", "reflectance", "transmittance", "Kubelka-Munk", or "" likewise.
    `remarks` are what the user should know of how it was read.
    """

    source: str
    sample: str
    replicate: str
    x: Numbers
    y: Numbers
    unit: str = ""
    quantity: str = ""
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Spectrum:
    """Absorbance (channels,) of a sample at wavenumbers (channels,) in cm-1, falling."""

    source: str
    sample: str
    replicate: str
    wavenumbers: Numbers
    absorbance: Numbers
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Problem:
    """Why a file, or a spectrum of it, cannot be imported."""

    source: str
    reason: str


def standard(measured: Measured, unit: str | None = None, convert: str | None = None) -> Spectrum:
    """Absorbance by falling wavenumber, of a spectrum as measured.

    `unit` is that of the axis where the file does not say. `convert`, "fraction" or "percent", says that the values are
    reflectance or transmittance on that scale, to be converted to log10(1 / value). Raises ValueError where the
    spectrum is not what the user or the file says, or not a usable one.
    """
    if measured.x.ndim != 1 or measured.x.shape != measured.y.shape or len(measured.x) < 2:
        raise ValueError(f"{len(measured.x)} channels with {len(measured.y)} values: a spectrum is needed")
    if not (np.isfinite(measured.x).all() and np.isfinite(measured.y).all()):
        raise ValueError("a value is not finite")
    steps = np.diff(measured.x)
    if not ((steps > 0).all() or (steps < 0).all()):
        where = measured.x[np.argmax(np.sign(steps) != np.sign(steps[0])) + 1]
        raise ValueError(f"the axis neither rises nor falls throughout: see its value {where:g}")
    if measured.x.min() <= 0:
        raise ValueError(f"the axis has the value {measured.x.min():g}: wavenumbers are above 0")
    remarks = list(measured.remarks)
    wavenumbers = _wavenumbers(measured, unit, remarks)
    absorbance = _absorbance(measured, convert, remarks)
    if absorbance.min() == absorbance.max():
        raise ValueError(f"all values are {measured.y[0]:g}: that is no spectrum")
    if wavenumbers[0] < wavenumbers[-1]:
        wavenumbers, absorbance = wavenumbers[::-1], absorbance[::-1]
        if measured.x[0] < measured.x[-1]:
            remarks.append("the axis rises, and was turned")
    identity = (measured.source, measured.sample, measured.replicate)
    return Spectrum(*identity, wavenumbers, absorbance, tuple(remarks))


def _wavenumbers(measured: Measured, unit: str | None, remarks: list[str]) -> Numbers:
    """The axis in cm-1, still in the file's direction."""
    x = measured.x
    if measured.unit and unit and measured.unit != unit:
        raise ValueError(f"the file says that its axis is in {measured.unit}: --unit {unit} is not so")
    given = measured.unit or unit
    if not given and x.max() < 100:
        raise ValueError(f"an axis from {x[0]:g} to {x[-1]:g} looks like micrometres: --unit um says so")
    if not given and x[0] < x[-1] <= 2600 and x[0] >= 300:
        span = f"an axis that rises from {x[0]:g} to {x[-1]:g} can be in nm or in cm-1"
        raise ValueError(f"{span}: --unit nm or --unit cm-1 says which")
    if given in TO_CM:
        remarks.append(f"the axis is in {given}, and was converted to cm-1")
        x = TO_CM[given] / x
    if not 1 <= x.min() <= x.max() <= 100_000:
        raise ValueError(f"wavenumbers from {x[0]:g} to {x[-1]:g} cm-1 are no optical spectrum's: see --unit")
    return x


def _absorbance(measured: Measured, convert: str | None, remarks: list[str]) -> Numbers:
    """The values as absorbance."""
    y, quantity = measured.y, measured.quantity
    if quantity == "Kubelka-Munk":
        raise ValueError("it holds Kubelka-Munk values, which are no absorbance: export absorbance or reflectance")
    if not convert:
        if quantity in ("reflectance", "transmittance"):
            mend = "--convert fraction or --convert percent makes log10(1 / value) of it"
            raise ValueError(f"it holds {quantity} where absorbance is expected: {mend}")
        if not -HIGHEST_ABSORBANCE <= y.min() <= y.max() <= HIGHEST_ABSORBANCE:
            mend = "reflectance or transmittance in percent is converted with --convert percent"
            raise ValueError(f"values from {y.min():g} to {y.max():g} are no absorbance: {mend}")
        return y
    if quantity == "absorbance":
        raise ValueError("it holds absorbance already: --convert is for reflectance and transmittance")
    if y.max() > LARGEST[convert]:
        raise ValueError(f"values up to {y.max():g} are no {convert} of reflected or transmitted light: see --convert")
    if convert == "percent" and y.max() <= LARGEST["fraction"]:
        raise ValueError(f"values up to {y.max():g} look like a fraction, not a percentage: --convert fraction")
    if y.min() <= 0:
        where = f"{measured.x[y.argmin()]:g} {measured.unit}".strip()
        raise ValueError(f"values that are not above 0, and have no logarithm: {(y <= 0).sum()}, as at {where}")
    remarks.append(f"{quantity or 'reflectance or transmittance'} in {convert} was converted to log10(1 / value)")
    return np.log10((1.0 if convert == "fraction" else 100.0) / y)


def looks_like_reflectance(spectrum: Spectrum) -> bool:
    """Whether values in 0 to 1 are highest where rocks and soils absorb least: it would be so of reflectance."""
    values = spectrum.absorbance
    if not 0 <= values.min() <= values.max() <= 1.05:
        return False
    inside = np.zeros(len(values), dtype=bool)
    for low, high in WINDOWS:
        inside |= (low <= spectrum.wavenumbers) & (spectrum.wavenumbers <= high)
    middle = (spectrum.wavenumbers > 700) & (spectrum.wavenumbers < 3800)
    return bool(inside.sum() >= 3 and values[inside].mean() > np.quantile(values[middle], 0.6))
