"""A spectrum in a file, and its standard form: absorbance by falling wavenumber in cm-1, or the reason why not."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

TO_CM = {"nm": 1e7, "um": 1e4}  # wavenumber in cm-1 = this number / wavelength
HIGHEST_WAVENUMBER = 15_000  # cm-1 (667 nm) on an axis without a unit; infrared spectrometers end below
HIGHEST = {"fraction": 2.0, "percent": 200.0}  # reflectance or transmittance, including noise and a dark reference
HIGHEST_ABSORBANCE = 10.0  # no detector measures a share of 1e-10 of the light
WINDOWS = ((2650, 2750), (2050, 2200))  # cm-1 where rocks and soils absorb little


@dataclass(frozen=True)
class Measured:
    """A spectrum as a file holds it.

    `source` names the file, and the line if a file holds many spectra. `unit` is that of x: "cm-1", "um", "nm", or ""
    if the file does not state it; `quantity` is that of y: "absorbance", "reflectance", "transmittance",
    "Kubelka-Munk", or "" likewise. `remarks` are notes for the user on how it was read.
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
    """Why a file, or a spectrum in it, cannot be imported."""

    source: str
    reason: str


def to_spectrum(measured: Measured, unit: str | None = None, convert: str | None = None) -> Spectrum:
    """Convert a measured spectrum to absorbance by falling wavenumber.

    `unit` is that of the axis if the file does not state it. `convert`, "fraction" or "percent", is the scale of
    reflectance or transmittance, which is converted to log10(1 / value). Raises ValueError if the spectrum is invalid
    or is not what the user or the file says.
    """
    if measured.x.ndim != 1 or measured.x.shape != measured.y.shape or len(measured.x) < 2:
        raise ValueError(f"{len(measured.x)} channels with {len(measured.y)} values are not a spectrum")
    if not (np.isfinite(measured.x).all() and np.isfinite(measured.y).all()):
        raise ValueError("a value is not finite")
    steps = np.diff(measured.x)
    if not ((steps > 0).all() or (steps < 0).all()):
        value = measured.x[np.argmax(np.sign(steps) != np.sign(steps[0])) + 1]
        raise ValueError(f"the axis neither rises nor falls throughout; see the value {value:g}")
    if measured.x.min() <= 0:
        raise ValueError(f"the axis has the value {measured.x.min():g}, but wavenumbers are above 0")
    remarks = list(measured.remarks)
    wavenumbers = _wavenumbers(measured, unit, remarks)
    absorbance = _absorbance(measured, convert, remarks)
    if absorbance.min() == absorbance.max():
        raise ValueError(f"all values are {measured.y[0]:g}, so this is not a spectrum")
    if wavenumbers[0] < wavenumbers[-1]:
        wavenumbers, absorbance = wavenumbers[::-1], absorbance[::-1]
        if measured.x[0] < measured.x[-1]:
            remarks.append("the axis rises, and was reversed")
    identity = (measured.source, measured.sample, measured.replicate)
    return Spectrum(*identity, wavenumbers, absorbance, tuple(remarks))


def _wavenumbers(measured: Measured, unit: str | None, remarks: list[str]) -> Numbers:
    """The axis in cm-1, still in the direction of the file."""
    x = measured.x
    if measured.unit and unit and measured.unit != unit:
        raise ValueError(f"the file states {measured.unit} as the unit of its axis, which contradicts --unit {unit}")
    axis_unit = measured.unit or unit
    axis = f"the axis from {x[0]:g} to {x[-1]:g}"
    if not axis_unit and x.max() > HIGHEST_WAVENUMBER:
        raise ValueError(
            f"{axis} has no unit; above {HIGHEST_WAVENUMBER:,} it could be nanometres or wavenumbers of visible light: "
            "specify --unit nm or --unit cm-1"
        )
    if not axis_unit and x.max() < 100:
        raise ValueError(f"{axis} looks like micrometres: if so, specify --unit um")
    if not axis_unit and 300 <= x[0] < x[-1] <= 2600:
        raise ValueError(f"{axis} rises and has no unit; it could be in nm or cm-1: specify --unit nm or --unit cm-1")
    if axis_unit in TO_CM:
        remarks.append(f"the axis was converted from {axis_unit} to cm-1")
        x = TO_CM[axis_unit] / x
    if not 1 <= x.min() <= x.max() <= 100_000:
        raise ValueError(
            f"wavenumbers from {x[0]:g} to {x[-1]:g} cm-1 are not those of an optical spectrum: see --unit"
        )
    return x


def _absorbance(measured: Measured, convert: str | None, remarks: list[str]) -> Numbers:
    """The values as absorbance."""
    y, quantity = measured.y, measured.quantity
    if quantity == "Kubelka-Munk":
        raise ValueError("Kubelka-Munk values are not absorbance: export absorbance or reflectance")
    if not convert:
        if quantity in ("reflectance", "transmittance"):
            options = "--convert fraction or --convert percent takes log10(1 / value)"
            raise ValueError(f"it contains {quantity}, but absorbance is expected: {options}")
        if not -HIGHEST_ABSORBANCE <= y.min() <= y.max() <= HIGHEST_ABSORBANCE:
            option = "--convert percent converts reflectance or transmittance in percent"
            raise ValueError(f"values from {y.min():g} to {y.max():g} are not absorbance: {option}")
        return y
    if quantity == "absorbance":
        raise ValueError("it already contains absorbance; --convert is for reflectance and transmittance")
    if y.max() > HIGHEST[convert]:
        raise ValueError(f"values up to {y.max():g} are not reflectance or transmittance as a {convert}: see --convert")
    if convert == "percent" and y.max() <= HIGHEST["fraction"]:
        raise ValueError(f"values up to {y.max():g} look like a fraction, not a percentage: use --convert fraction")
    if y.min() <= 0:
        place = f"{measured.x[y.argmin()]:g} {measured.unit}".strip()
        raise ValueError(f"{(y <= 0).sum()} values, such as that at {place}, are not above 0 and have no logarithm")
    remarks.append(f"{quantity or 'reflectance or transmittance'} as a {convert} was converted to log10(1 / value)")
    return np.log10((1.0 if convert == "fraction" else 100.0) / y)


def looks_like_reflectance(spectrum: Spectrum) -> bool:
    """Whether values within 0 to 1 are highest where rocks and soils absorb least, as reflectance is."""
    values = spectrum.absorbance
    if not 0 <= values.min() <= values.max() <= 1.05:
        return False
    in_window = np.zeros(len(values), dtype=bool)
    for low, high in WINDOWS:
        in_window |= (low <= spectrum.wavenumbers) & (spectrum.wavenumbers <= high)
    middle = (spectrum.wavenumbers > 700) & (spectrum.wavenumbers < 3800)
    return bool(in_window.sum() >= 3 and values[in_window].mean() > np.quantile(values[middle], 0.6))
