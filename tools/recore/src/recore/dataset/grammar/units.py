"""Units of concentrations and depths: their sizes, and their spellings in headers."""

import re
import tomllib
import unicodedata
from importlib.resources import files

from recore.dataset.grammar import DASHES

_CONTENTS = tomllib.loads(files("recore.dataset").joinpath("targets.toml").read_text("utf-8"))
DETECTION_LIMITS: dict[str, float] = {name: content["limit"] for name, content in _CONTENTS.items()}
PLAUSIBLE_RANGES: dict[str, list[float]] = {name: content["plausible"] for name, content in _CONTENTS.items()}
# The size of each unit in parts per million by mass, in cmol of charge per kg, and in metres.
CONTENT_UNITS = {"pct": 1e4, "g/kg": 1e3, "ppm": 1.0, "ppb": 1e-3, "fraction": 1e6}
CHARGE_UNITS = {"cmol/kg": 1.0, "mmol/kg": 0.1}
DEPTH_UNITS = {"m": 1.0, "cm": 0.01, "mm": 0.001, "ft": 0.3048}
NAMES = {
    **{"pct": "per cent", "g/kg": "g/kg", "ppm": "ppm (mg/kg)", "ppb": "ppb (ug/kg)"},
    "fraction": "fractions of 1",
    **{"m": "metres", "cm": "centimetres", "mm": "millimetres", "ft": "feet"},
}
SYNONYMS = {
    **dict.fromkeys(("%", "wt%"), "pct"),
    **dict.fromkeys(("mg/kg", "g/t", "gpt", "ug/g"), "ppm"),
    "kg/t": "g/kg",
    **dict.fromkeys(("cmol(+)/kg", "cmolc/kg", "meq/100g", "me/100g"), "cmol/kg"),
    **dict.fromkeys(("mmol(+)/kg", "mmolc/kg"), "mmol/kg"),
    **dict.fromkeys(("ug/kg", "mg/t", "ng/g"), "ppb"),
}
ASCII_SIGNS = DASHES | {0x3BC: "u", 0xB7: ".", 0x2219: ".", 0x22C5: "."}
MAX_UNIT_LENGTH = 40  # characters
OUNCES = "oz/t"  # troy ounces per short ton (34.29 g/t), long ton or tonne
OTHER_UNIT = "another unit"  # atoms, moles, volumes, charges, counts: they cannot be converted

START, END = r"(?<![a-z0-9])", r"(?![a-z0-9/]|[\s._-]t(?![a-z]))"
MASS_WORDS = r"w/w|m/m|wt|weight|mass|by weight|by mass"


def _ratio(numerator: str, denominator: str, separator: str = r"[\s._-]?") -> str:
    """Return a pattern for a ratio such as mg/kg, mg kg-1, mg_kg or mg per kg, but not Mg/kg (magnesium)."""
    return rf"{START}(?-i:(?!Mg)){numerator}(?:\s*/\s*|{separator}(?:per\s)?){denominator}(?:\s*\^?-\s*1|[._]?1)?{END}"


TON = r"(?:t|tonne)"
_CHARGE = r"@[\s._-]*(?:\(\s*(?:\+|c|p\+?)\s*\)|c)?[\s._-]*(?:/|per\s)?[\s._-]*kg(?:\s*\^?-\s*1|[._]?1)?"
# At each position they are tried in this order.
CONTENT_PATTERNS = (
    (OTHER_UNIT, rf"{START}(?:at|atom|atomic|mol|mole|molar|vol|volume)[\s._-]*(?:%|pct|percent)"),
    (OTHER_UNIT, r"%\s*(?:v/v|vol|mol|at)(?![a-z])"),
    (
        "cmol/kg",
        rf"{START}(?:{_CHARGE.replace('@', 'cmol')}|m?eq?[\s._]*/?[\s._]*100[\s._]*g(?:\s*\^?-\s*1)?)(?![a-z0-9])",
    ),
    ("mmol/kg", rf"{START}{_CHARGE.replace('@', 'mmol')}(?![a-z0-9])"),
    (OTHER_UNIT, rf"{START}(?:[cm]?mol|m?eq|ppmv|ppt|cps|counts?|lbs?)(?![a-z])"),
    (OUNCES, rf"{START}(?:oz|ozpt|ounces?|opt|dwt)(?:[\s._/-]*(?:per\s)?(?:t|st|lt|ton|tonne|short ton))?{END}"),
    ("pct", rf"{START}g\s*/\s*100\s*g(?![a-z0-9])"),
    ("ppb", rf"{START}ppb{END}"),
    ("ppb", _ratio("(?:ug|mcg)", "kg")),
    ("ppb", _ratio("mg", TON)),
    ("ppb", _ratio("ng", "g", r"[\s._]?")),
    ("ppm", rf"{START}(?:ppmw?|gpt){END}"),
    ("ppm", _ratio("mg", "kg")),
    ("ppm", _ratio("g", TON)),
    ("ppm", _ratio("(?:ug|mcg)", "g")),
    ("g/kg", r"\u2030|\bper ?mill?e?\b"),
    ("g/kg", _ratio("g", "kg")),
    ("g/kg", _ratio("kg", TON)),
    ("g/kg", rf"{START}mg(?:\s*/\s*g|[\s.]g\s*\^?-\s*1){END}"),
    (
        "pct",
        rf"(?:{START}(?:wt|weight|mass|masse|gew|ma)[\s._-]*)?(?:%|{START}(?:pct|perc|percent|per cent)(?![a-z0-9]))"
        rf"(?:[\s._-]*(?:{MASS_WORDS})(?![a-z0-9]))?",
    ),
    (
        OTHER_UNIT,
        rf"{START}(?-i:(?!Mg))[munk]?g(?:\s*/\s*[a-z0-9]+|[\s._-]?(?:m-?3|l(?:-1)?)(?![a-z0-9]))",
    ),  # g/l, gm3, mg/100g
)
GLUED_UNITS = {"pct": "pct", "percent": "pct", "ppm": "ppm", "ppb": "ppb", "gpt": "ppm", "opt": OUNCES}  # CuPPM, Au_opt
DEPTH_PATTERNS = {
    "m": r"(?<![a-z])(m|met(er|re)s?)(?![a-z])",
    "cm": r"(?<![a-z])(cm|centimet(er|re)s?)(?![a-z])",
    "mm": r"(?<![a-z])(mm|millimet(er|re)s?)(?![a-z])",
    "ft": r"(?<![a-z])(ft|feet|foot)(?![a-z])",
}
_CONTENT = re.compile(
    "|".join(f"(?P<u{position}>{pattern})" for position, (_, pattern) in enumerate(CONTENT_PATTERNS)), re.IGNORECASE
)


def to_ascii(text: str) -> str:
    """Replace subscripts, superscripts, micro signs and minus signs with ASCII characters, as in ug kg-1."""
    return unicodedata.normalize("NFKC", text).translate(ASCII_SIGNS)


def split_units(header: str) -> tuple[list[str], str]:
    """Return the distinct units of concentration in a string from `to_ascii`, and the string with a | for each unit."""
    units: list[str] = []

    def replace_unit(match: re.Match[str]) -> str:
        unit, _ = CONTENT_PATTERNS[int(str(match.lastgroup)[1:])]
        if unit not in units:
            units.append(unit)
        return "|"

    return units, _CONTENT.sub(replace_unit, header)


def content_unit_in(words: str) -> str:
    """Return the unit of concentration in a string, or "" if the string has none or several."""
    units, _ = split_units(to_ascii(words))
    return units[0] if len(units) == 1 else ""


def unit_of_cell(cell: str) -> str:
    """Return the unit of concentration in a cell, or "" if the cell is not exactly one unit."""
    units, other_text = split_units(to_ascii(cell)) if len(cell) <= MAX_UNIT_LENGTH else ([], "")
    return units[0] if len(units) == 1 and not other_text.strip("|()[] ") else ""


def depth_unit_in(column: str) -> str:
    """Return the unit of depths in a column's name, or "" if there are none or several."""
    units = [unit for unit, pattern in DEPTH_PATTERNS.items() if re.search(pattern, column, re.IGNORECASE)]
    return units[0] if len(units) == 1 else ""


def is_depth_unit(cell: str) -> bool:
    """Return whether a cell is a unit of length or mass, and nothing else."""
    return re.fullmatch("|".join(["kg|g", *DEPTH_PATTERNS.values()]), cell.strip(" ()[]"), re.IGNORECASE) is not None
