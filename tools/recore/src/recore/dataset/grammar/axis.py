"""Find statements about the axis of a spectrum, and parse the number and unit in the name of a channel."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from recore.dataset.grammar import Ambiguity, separate_words
from recore.dataset.grammar.numbers import CHANNEL, SPACES, Marks

# a number before a unit is a setting of the instrument, such as a resolution of 4 cm-1
NOT_A_SETTING = r"(?<!\d)(?<!\d )"
UNIT_PATTERNS = {
    "cm-1": rf"{NOT_A_SETTING}(\bcm[ .^*({{\[]*-? ?1\b|\b1 ?/ ?cm\b)|\breciprocal cent",
    "nm": rf"{NOT_A_SETTING}\bnm\b|\bnanomet",
    "um": rf"{NOT_A_SETTING}(\b[u\u03bc]m\b|\bmicrons?\b)|\bmi[ck]romet",
}
OTHER_AXES = {  # eV is two words here
    "an energy": rf"{NOT_A_SETTING}\b[mk]?e ?v(?!\w)|\bk ?(j|cal)( ?/ ?| )mol|\bhartrees?\b",
    "a frequency": rf"{NOT_A_SETTING}\b[tgmk]? ?hz(?!\w)",
    "in another unit": rf"{NOT_A_SETTING}\b((d|k|m|n|u|\u03bc)?m ?\^? ?-1|angstr\w*|rad ?(/ ?cm|cm ?\^? ?-1))(?!\w)",
    "a Raman shift": r"\braman shift",
    "a diffraction angle": r"\b2 ?-?(theta|\u03b8)|\btwo[ -]?theta",
    "a mass-to-charge ratio": r"\bm ?/ ?z\b",
}
# words with this meaning only in the header of an axis: a comment can be about the time of a scan
OTHER_HEADERS = {
    "a time": r"\btime\b|\bretention\b|\bseconds?\b|\bminutes?\b|\bzeit\b",
    "a temperature": r"\btemperature?\b",
    "a chemical shift": r"\bchemical shift|\bppm\b",
    "a depth": r"\bdepth\b|\btiefe\b",
}
UNITS = (*UNIT_PATTERNS.values(), *OTHER_AXES.values())
WAVENUMBER = r"\bwave ?numbers?\b|\bwellenzahl|\bn(ombre|umer[oi])s? d(e |i )? ?.?onda?e?|\bwn\b"
WAVELENGTH = (
    r"\bwave ?lengths?\b|\bwellenl\w*nge|\b(longueurs?|longitud(es)?|lunghezz[ae]) d(e |i )? ?.?onda?e?"
    r"|\bw(v|av)?l\b|\blambda\b"
)
AXIS = rf"{WAVENUMBER}|{WAVELENGTH}|\b(x|axis|abscissa|units?|channels?)\b"
# a value after a unit, or the light of the instrument
SETTING = r"(nm|[u\u03bc]m|microns?|1)[)\]]?\s*[:=]\s*[+-]?\d|\blaser\b|\bexcitation\b"

# words after the number of a channel
QUANTITIES = ("abs", "absorbance", "ref", "refl", "reflectance", "trans", "transmittance")
NUMERIC = re.compile(rf"X?\d[\d.,{SPACES}]*", re.ASCII)
LIMITS = {"cm-1": (1, 1e5), "nm": (100, 1e6), "um": (0.1, 1000)}  # of axes in each unit
NANOMETRES = (100, 2600)  # visible and near-infrared light
# in the name of a channel: m7497.96, R_1005, v.4000, scan2_4000
PREFIX = re.compile(r"[^\W\d][^\W_]*\d[^\W_]*_(?=[0-9][0-9.,]*$)|[^\d]*[^\W\d][^\d]*(?=[0-9])")
MAX_CHANNEL_NAME = 100  # characters that are searched for a prefix
MIN_PREFIXED = 7  # columns with the same prefix


@dataclass(frozen=True)
class ChannelName:
    """A parsed channel name: its number, its unit (or ""), and its other words, such as "scan mir abs"."""

    number: float
    unit: str
    words: str = ""


def unit_options(numbers: Collection[float], *units: str) -> str:
    """Return a fix: the options for those of the units in which these numbers can be an axis."""
    first, last = min(numbers), max(numbers)
    options = [f"--unit {unit}" for unit in units if LIMITS[unit][0] <= first <= last <= LIMITS[unit][1]]
    return f"specify {' or '.join(options)}" if options else "export wavenumbers in cm-1"


def axis_unit(header: str, numbers: Sequence[float], is_header: bool = False) -> str:
    """Return the unit of the axis that a header or a comment states, or "" if it states none.

    numbers: the axis. is_header: whether the text is the header of the axis. Raises Ambiguity if the unit is ambiguous
    or not supported.
    """
    words = separate_words(re.sub(r"(?<!\w)[\u00c5\u212b](?!\w)", "angstrom", header))
    units = [unit for unit, pattern in UNIT_PATTERNS.items() if re.search(pattern, words)]
    quoted_text = repr(header.strip()[:60])
    others = [*OTHER_AXES.items(), *(OTHER_HEADERS.items() if is_header and not units else ())]
    if other_axis := next((axis for axis, pattern in others if re.search(pattern, words)), ""):
        fix = "export wavenumbers in cm-1, or wavelengths in nm or um"
        raise Ambiguity("unit", f"the axis {quoted_text} is {other_axis}, which is not supported; {fix}")
    if len(units) > 1:
        raise Ambiguity("unit", f"{quoted_text} mentions {' and '.join(units)}; {unit_options(numbers, *units)}")
    is_wavenumber = re.search(WAVENUMBER, words) is not None
    if units:
        if is_wavenumber and units != ["cm-1"]:
            options = unit_options(numbers, "cm-1", units[0])
            raise Ambiguity("unit", f"{quoted_text} mentions wavenumbers, but also {units[0]}; {options}")
        return units[0]
    if is_wavenumber:
        return "cm-1"
    if re.search(WAVELENGTH, words):
        options = unit_options(numbers, "nm", "um")
        raise Ambiguity("unit", f"{quoted_text} mentions wavelengths without a unit; {options}")
    return ""


def axis_unit_of_comments(comments: str, numbers: Sequence[float]) -> str:
    """Return the unit of the axis that lines of comments state, or "" if they state none. Raises Ambiguity if unclear.

    A unit counts if it is next to a word for the axis or in the first item of a list of columns, but not if a number
    follows it, as in the setting of a laser's wavelength.
    """
    parts = [part for line in comments.splitlines() for part in _find_axis_parts(line)]
    return axis_unit(", ".join(parts), numbers) if parts else ""


def _find_axis_parts(line: str) -> list[str]:
    first, *others = re.split(r"[,;\t]", separate_words(line))
    if len(others) == 1 and NUMERIC.fullmatch(others[0].strip()):
        return []  # the name and the value of a setting
    is_unit = any(re.fullmatch(rf"([^\w]*|.*[(\[])({pattern})[^\w]*", first) for pattern in UNITS)
    parts = [first] * is_unit + [part for part in (first, *others) if re.search(AXIS, part)]
    return [part for part in parts if not re.search(SETTING, part)]


def mentions_axis(line: str) -> bool:
    """Return whether a header or comment mentions wavenumbers, wavelengths or their units."""
    words = separate_words(line)
    return any(re.search(pattern, words) for pattern in (*UNITS, WAVENUMBER, WAVELENGTH))


def channel_prefixes(names: Sequence[str]) -> tuple[str, ...]:
    """Return the prefixes of channel names, such as "m" in m7497.96, the most common one first.

    Return () unless at least half of the names have the most common prefix. Other prefixes of columns that are merely
    numbered, such as bio1 to bio19, are omitted.
    """
    numbers: dict[str, list[str]] = {}
    for name in names:
        match = PREFIX.match(name, 0, MAX_CHANNEL_NAME)
        if match and not CHANNEL.fullmatch(name) and CHANNEL.fullmatch(name[match.end() :]):
            numbers.setdefault(match.group(), []).append(name[match.end() :])
    first, *others = sorted(numbers, key=lambda prefix: -len(numbers[prefix])) or [""]
    if len(numbers.get(first, [])) < max(MIN_PREFIXED, len(names) / 2):
        return ()
    return first, *(
        prefix for prefix in others if len(numbers[prefix]) >= MIN_PREFIXED and not _is_consecutive(numbers[prefix])
    )


def _is_consecutive(numbers: Sequence[str]) -> bool:
    return list(numbers) in ([str(start + offset) for offset in range(len(numbers))] for start in (0, 1))


def split_prefix(name: str, prefixes: Sequence[str]) -> tuple[str, str]:
    """Split the name of a channel into its prefix, which may be "", and the rest."""
    match = PREFIX.match(name, 0, MAX_CHANNEL_NAME) if prefixes else None
    return (match.group(), name[match.end() :]) if match and match.group() in prefixes else ("", name)


def wavelength_unit(words: str, numbers: Sequence[float]) -> str:
    """Return "nm" for channels such as wl350 if their words mean wavelengths and their numbers fit, otherwise ""."""
    is_nanometres = NANOMETRES[0] <= min(numbers) and max(numbers) <= NANOMETRES[1]
    return "nm" if is_nanometres and re.search(WAVELENGTH, words) else ""


def parse_channel(name: str, marks: Marks, prefixes: Sequence[str] = ()) -> ChannelName | None:
    """Parse the name of a column. Return None if it is not the name of a channel.

    prefixes: the prefixes of the table's channel names.
    """
    prefix, name = split_prefix(name, prefixes)
    match = CHANNEL.fullmatch(name)
    number = marks.parse(match["number"].strip()) if match else None
    if match is None or number is None:
        return None
    words = separate_words(prefix + match["words"]).replace(".", " ").strip()
    # here the number before the unit is the channel, not a setting
    unit = separate_words(match["unit"] or "").strip(" ()[].")
    if not unit or unit in QUANTITIES:
        return ChannelName(number, "", re.sub(r"\bref\b", "reflectance", f"{words} {unit}".strip()))
    known = next((known for known, pattern in UNIT_PATTERNS.items() if re.fullmatch(rf"({pattern})\D*", unit)), "")
    return ChannelName(number, known, words) if known else None


def is_numeric(name: str) -> bool:
    """Return whether a name consists only of digits and marks, and is thus probably meant as a channel's number."""
    return NUMERIC.fullmatch(name) is not None
