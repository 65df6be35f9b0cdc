"""Convert the spectra in files to their standard form: absorbance by descending wavenumber in cm-1."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from recore.dataset.grammar import Ambiguity
from recore.dataset.grammar.axis import LIMITS, unit_options
from recore.dataset.grammar.quantity import FIXES
from recore.listing import count, list_names

SHOWN = 5  # channels that a message lists
Numbers = NDArray[np.float64]

TO_CM = {"nm": 1e7, "um": 1e4}  # wavenumber in cm-1 = this number / wavelength
MAX_MICROMETRES = 100  # an axis without a unit below this is not in wavenumbers
MAX_NIR = 2600  # nm; an axis without a unit up to here can be from a near-infrared spectrometer
MAX_MID_INFRARED = 4600  # cm-1; mid-infrared spectra end below
LASER = 15798.0  # cm-1, of a helium-neon laser, divided by a power of two
STEP_TOLERANCE = 0.003  # tolerance of a halving
STRETCH_RATIO = 1.5  # times the median step at the other end
MIN_STEPS = 8  # needed to see whether they grow
IRREGULAR_RATIO = 2.05  # times a step; rounding can double a step, so the next one is irregular beyond that
MAX_IRREGULAR = 0.25  # share of a spectrum's steps; gaps and ranges of several detectors cause a few
MAX_WAVENUMBER = 15_000  # cm-1 (667 nm) on an axis without a unit; infrared spectrometers end below
MAX_VALUE = {"fraction": 2.0, "percent": 200.0}  # reflectance or transmittance, including noise and a dark reference
MAX_NEGATIVE = 0.4  # share of a spectrum's values; only noise and baselines make absorbance negative
MAX_ABSORBANCE = 10.0  # no detector can measure 1e-10 of the light
# cm-1: bands of water and hydroxyl in the near infrared, with their shoulders above and below
WATER = (((6800, 7200), (7500, 8000), (6100, 6500)), ((5100, 5300), (5500, 5900), (4650, 4950)))
MAX_MEDIAN = 3.0  # absorbance; in most channels, at least a thousandth of the light returns
REFLECTANCE_REASON = (
    "look like reflectance: highest where rocks and soils absorb least (2700 and 2100 cm-1), lowest in bands of water, "
    f"or above {MAX_MEDIAN:g} in most channels"
)
FLAT_TOLERANCE = 0.01  # share of a spectrum's range; values that differ by less are treated as equal
WINDOWS = ((2650, 2750), (2050, 2200))  # cm-1 where rocks and soils absorb little


@dataclass(frozen=True)
class MeasuredSpectrum:
    """A spectrum as stored in a file.

    source: the file, and the line if the file has many spectra. unit: the unit of x ("cm-1", "um", "nm", or "" if not
    stated). quantity: the quantity of y, such as "absorbance", or "" if not stated. in_schema: whether the file is in
    the challenge's schema. ids: the cells with IDs, by name in the schema.
    """

    source: str
    sample: str
    replicate: str
    x: Numbers
    y: Numbers
    unit: str = ""
    quantity: str = ""
    remarks: tuple[str, ...] = ()
    in_schema: bool = False
    ids: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Spectrum:
    """Absorbance (channels,) of a sample at descending wavenumbers (channels,) in cm-1.

    is_stated: whether the file or the user stated the quantity of the file's values, such as reflectance. in_schema:
    whether the file is in the challenge's schema. ids: the cells with IDs, by name, with depths in metres.
    """

    source: str
    sample: str
    replicate: str
    wavenumbers: Numbers
    absorbance: Numbers
    remarks: tuple[str, ...] = ()
    is_stated: bool = False
    in_schema: bool = False
    ids: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Problem:
    """The reason that a file, or a spectrum in it, cannot be imported.

    question: the id of an Ambiguity, or "". sample: the spectrum's sample, or "" if unknown. ids: the spectrum's IDs.
    """

    source: str
    reason: str
    question: str = ""
    sample: str = ""
    ids: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_error(
        cls, source: str, error: Exception, sample: str = "", ids: Mapping[str, str] | None = None
    ) -> "Problem":
        reason = str(getattr(error, "strerror", None) or error)
        return cls(source, reason, error.id if isinstance(error, Ambiguity) else "", sample, ids or {})


def to_spectrum(measured: MeasuredSpectrum, unit: str | None = None, convert: str | None = None) -> Spectrum:
    """Convert a measured spectrum to absorbance by descending wavenumber.

    unit, convert ("fraction" or "percent" for reflectance or transmittance, "none" for absorbance): override the file.
    Raises ValueError if the spectrum is invalid, or Ambiguity if the meaning of its numbers is ambiguous.
    """
    if measured.x.ndim != 1 or measured.x.shape != measured.y.shape or len(measured.x) < 2:
        raise ValueError(f"{len(measured.x)} channels with {len(measured.y)} values are not a spectrum")
    if not (np.isfinite(measured.x).all() and np.isfinite(measured.y).all()):
        raise ValueError("a value is not finite")
    remarks = list(measured.remarks)
    wavenumbers = to_wavenumbers(measured.x, measured.unit, unit, remarks, measured.in_schema)
    absorbance = _absorbance(measured, convert, remarks)
    if absorbance.min() == absorbance.max():
        raise ValueError(f"all values are {measured.y[0]:g}, so this is not a spectrum")
    if wavenumbers[0] < wavenumbers[-1]:
        wavenumbers, absorbance = wavenumbers[::-1], absorbance[::-1]
        if measured.x[0] < measured.x[-1]:
            remarks.append("the axis was in ascending order, and was reversed")
    identity = (measured.source, measured.sample, measured.replicate)
    is_stated = bool(measured.quantity or convert)
    return Spectrum(*identity, wavenumbers, absorbance, tuple(remarks), is_stated, measured.in_schema, measured.ids)


def check_positive(position: float, name: str = "") -> None:
    """Raise ValueError if a position on an axis is below 0. name: the position as written in the file."""
    if position < 0:
        raise ValueError(
            f"the axis has the value {name or f'{position:g}'}, but wavenumbers and wavelengths are positive"
        )


def to_wavenumbers(x: Numbers, stated: str, option: str | None, remarks: list[str], in_schema: bool = False) -> Numbers:
    """Convert an axis to cm-1, in the order of the file.

    stated: the unit in the file, or "". option: the user's unit. in_schema: whether the file is in the challenge's
    schema, which allows any channels. Raises ValueError if x is not an axis, and Ambiguity if its unit is ambiguous.
    """
    if len(x) < 2:
        raise ValueError(f"{len(x)} channels are not a spectrum")
    steps = np.diff(x)
    if not ((steps > 0).all() or (steps < 0).all()):
        values, numbers = np.unique(x, return_counts=True)
        repeated = [f"{value:.10g}" for value in values[numbers > 1]]
        if repeated and len(values) > 1:
            channels = count(len(repeated), "repeated channel")
            raise ValueError(f"{channels}: {list_names(repeated, SHOWN)}; keep one of each")
        value = x[np.argmax(np.sign(steps) != np.sign(steps[0])) + 1]
        raise ValueError(f"the axis is not monotonic; check the value {value:g}")
    if option and stated not in ("", option):
        remarks.append(f"the axis was read in {option}, because of --unit, although the file states {stated}")
    check_positive(x.min())
    if not in_schema and (peaks := explain_peaks(x)):
        if not option:
            raise Ambiguity("peaks", f"{peaks}; export the full spectrum or, if these are not peaks, specify --unit")
        remarks.append(peaks)
    unit = option or stated or _guess_unit(x)
    if unit == "cm-1" and x.max() < MAX_MICROMETRES and not option and not in_schema:
        raise Ambiguity("unit", f"the axis from {x[0]:g} to {x[-1]:g} is not in cm-1; {unit_options(x, 'um')} if so")
    if unit in TO_CM and not LIMITS[unit][0] <= x.min() <= x.max() <= LIMITS[unit][1]:
        raise Ambiguity("unit", f"the axis from {x[0]:g} to {x[-1]:g} cannot be in {unit}; {unit_options(x, *LIMITS)}")
    if unit in TO_CM:
        remarks.append(f"the axis was converted from {unit} to cm-1")
        x = TO_CM[unit] / x
    if not 1 <= x.min() <= x.max() <= 100_000:
        raise ValueError(
            f"wavenumbers from {x[0]:g} to {x[-1]:g} cm-1 do not belong to an optical spectrum; check --unit"
        )
    return x


def _guess_unit(x: Numbers) -> str:
    """Return "cm-1" if an axis without a unit cannot be in any other unit. Raises Ambiguity otherwise."""
    axis = f"the axis from {x[0]:g} to {x[-1]:g}"
    steps = np.diff(x)
    if x.min() in (0, 1) and (np.abs(steps) == 1).all():
        raise Ambiguity(
            "channels",
            f"{x.min():g}, {x.min() + 1:g}, ... {x.max():g} are channel numbers; name the channels by their "
            "wavenumbers, or specify --unit cm-1 if these are wavenumbers",
        )
    if x.max() > MAX_WAVENUMBER:
        raise Ambiguity(
            "unit",
            f"{axis} has no unit and exceeds {MAX_WAVENUMBER:,}, so it could be in nm or, for visible light, cm-1; "
            f"{unit_options(x, 'nm', 'cm-1')}",
        )
    if x.max() < MAX_MICROMETRES:
        raise Ambiguity("unit", f"{axis} has no unit and looks like micrometres; if so, {unit_options(x, 'um')}")
    if x.max() <= MAX_NIR or (steps[0] > 0 and _can_rise_as_wavelengths(x)) or _is_stretched(steps):
        raise Ambiguity("unit", f"{axis} has no unit and could be in nm or cm-1; {unit_options(x, 'nm', 'cm-1')}")
    return "cm-1"


def _can_rise_as_wavelengths(x: Numbers) -> bool:
    """Return whether an ascending axis can be wavelengths, that is, does not look like mid-infrared wavenumbers.

    The step of a Fourier-transform spectrometer is its laser's wavenumber over a power of two, such as 3.857 cm-1.
    """
    halvings = np.log2(LASER * (len(x) - 1) / (x[-1] - x[0]))
    is_laser = abs(halvings - round(halvings)) < STEP_TOLERANCE
    return bool((x[0] > MAX_NIR or x[-1] > MAX_MID_INFRARED) and not is_laser)


def _is_stretched(steps: Numbers) -> bool:
    """Return whether steps grow from one end to the other, as after converting wavenumbers to wavelengths."""
    quarter = max(1, len(steps) // 4)
    ends = np.abs([np.median(steps[:quarter]), np.median(steps[-quarter:])])
    return len(steps) >= MIN_STEPS and bool(ends.max() > STRETCH_RATIO * ends.min())


def explain_peaks(x: Numbers) -> str:
    """Explain that the channels may be peaks if many steps between them are irregular; otherwise, return ""."""
    steps = np.abs(np.diff(x))
    smaller, larger = np.minimum(steps[1:], steps[:-1]), np.maximum(steps[1:], steps[:-1])
    if (larger > IRREGULAR_RATIO * smaller).sum() <= MAX_IRREGULAR * len(smaller):
        return ""
    return f"the steps between its {len(x)} channels vary widely, as in a list of peaks"


def _absorbance(measured: MeasuredSpectrum, convert: str | None, remarks: list[str]) -> Numbers:
    y, quantity = measured.y, measured.quantity
    if not convert and quantity in ("reflectance", "transmittance"):
        fix = f"{convert_options(y)}, where fraction and percent compute log10(1 / value), and none keeps the values"
        raise Ambiguity("quantity", f"it contains {quantity}, but absorbance is expected; {fix}")
    if convert != "none" and quantity not in ("", "absorbance", "reflectance", "transmittance"):
        fix = f"if the values are absorbance, {convert_options(y, options=('none',))}, otherwise export absorbance"
        fix = FIXES.get(quantity, fix)
        raise Ambiguity("quantity", f"it contains {quantity}, but absorbance is expected; {fix}")
    if convert in (None, "none"):
        if not -MAX_ABSORBANCE <= y.min() <= y.max() <= MAX_ABSORBANCE:
            kinds, fix = "neither absorbance nor percentages", "export absorbance or reflectance"
            if 0 < y.min() <= y.max() <= MAX_VALUE["percent"]:
                kinds, fix = "not absorbance", "--convert percent converts reflectance or transmittance in percent"
            raise Ambiguity("quantity", f"values from {y.min():g} to {y.max():g} are {kinds}; {fix}")
        if not convert and not quantity and (y < 0).mean() > MAX_NEGATIVE:
            fix = "they may be preprocessed (SNV, a derivative); specify --convert none if they are absorbance"
            raise Ambiguity("quantity", f"{(y < 0).mean():.0%} of the values are below 0; {fix}")
        if convert and quantity not in ("", "absorbance"):
            remarks.append(
                f"the values were read as absorbance, because of --convert none, although the file states {quantity}"
            )
        return y
    if quantity == "absorbance":
        raise ValueError("it already contains absorbance; omit --convert")
    if y.max() > MAX_VALUE[convert]:
        raise ValueError(f"values up to {y.max():g} are too large for --convert {convert}; {convert_options(y)}")
    if convert == "percent" and y.max() <= MAX_VALUE["fraction"]:
        raise ValueError(f"values up to {y.max():g} look like a fraction, not a percentage; {convert_options(y)}")
    if y.min() <= 0:
        position = f"{measured.x[y.argmin()]:g} {measured.unit}".strip()
        raise ValueError(f"{(y <= 0).sum()} values, such as at {position}, are not positive and have no logarithm")
    remarks.append(f"{quantity or 'reflectance or transmittance'} ({convert}) was converted to log10(1 / value)")
    return np.log10((1.0 if convert == "fraction" else 100.0) / y)


def convert_options(*spectra: Numbers, options: tuple[str, ...] = ("fraction", "percent", "none")) -> str:
    """Return a fix: the options --convert that all these values allow, by the rules of `_absorbance`."""
    low, high = min(y.min() for y in spectra), max(y.max() for y in spectra)
    smallest = min(y.max() for y in spectra)
    is_possible = {
        "fraction": 0 < low <= high <= MAX_VALUE["fraction"],
        "percent": low > 0 and MAX_VALUE["fraction"] < smallest <= high <= MAX_VALUE["percent"],
        "none": -MAX_ABSORBANCE <= low <= high <= MAX_ABSORBANCE,
    }
    possible = [f"--convert {option}" for option in options if is_possible[option]]
    return f"specify {' or '.join(possible)}" if possible else "export absorbance"


def find_reflectance(spectra: list[Spectrum]) -> tuple[list[Spectrum], str]:
    """Return the spectra that look like reflectance and, if they are the majority, a question, otherwise "".

    Only spectra whose quantity neither the file nor the user states are considered.
    """
    unstated = [spectrum for spectrum in spectra if not spectrum.is_stated]
    suspects = [spectrum for spectrum in unstated if looks_like_reflectance(spectrum)]
    if len(suspects) * 2 <= len(unstated):
        return suspects, ""
    options = convert_options(*(spectrum.absorbance for spectrum in unstated))
    return suspects, f"{len(suspects)} of {len(spectra)} spectra {REFLECTANCE_REASON}; {options} (absorbance)"


def _has_dip(spectrum: Spectrum, *ranges: tuple[int, int]) -> bool:
    """Return whether values are lower in the first range of wavenumbers than in both others, as in reflectance."""
    x = spectrum.wavenumbers
    parts = [spectrum.absorbance[(low <= x) & (x <= high)] for low, high in ranges]
    if any(not len(part) for part in parts):
        return False
    band, *shoulders = (float(part.mean()) for part in parts)
    return all(band < (1 - FLAT_TOLERANCE) * shoulder for shoulder in shoulders)


def looks_like_reflectance(spectrum: Spectrum) -> bool:
    """Return whether a non-negative spectrum is too high for absorbance, lowest in water bands, or highest
    where rocks absorb least."""
    values = spectrum.absorbance
    if values.min() < 0:
        return False
    if np.median(values) > MAX_MEDIAN or any(_has_dip(spectrum, *band) for band in WATER):
        return True
    in_window = np.zeros(len(values), dtype=bool)
    for low, high in WINDOWS:
        in_window |= (low <= spectrum.wavenumbers) & (spectrum.wavenumbers <= high)
    middle = (spectrum.wavenumbers > 700) & (spectrum.wavenumbers < 3800)
    if in_window.sum() < 3:
        return False
    level, others = values[in_window].mean(), values[middle]
    is_high = level > np.quantile(others, 0.6) - FLAT_TOLERANCE * np.ptp(others)
    return bool(is_high and level > (others.min() + others.max()) / 2)
