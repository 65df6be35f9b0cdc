"""Units of contents and depths: their sizes, and which of them a column's name mentions."""

import re

# One unit in parts per million by mass, and in metres.
CONTENT_UNITS = {"pct": 1e4, "g/kg": 1e3, "ppm": 1.0, "ppb": 1e-3}
DEPTH_UNITS = {"m": 1.0, "cm": 0.01, "mm": 0.001, "ft": 0.3048}
NAMES = {
    **{"pct": "per cent", "g/kg": "g/kg", "ppm": "ppm (mg/kg)", "ppb": "ppb (ug/kg)"},
    **{"m": "metres", "cm": "centimetres", "mm": "millimetres", "ft": "feet"},
}
SYNONYMS = {
    "%": "pct",
    "wt%": "pct",
    "mg/kg": "ppm",
    "g/t": "ppm",
    "gpt": "ppm",
    "kg/t": "g/kg",
    "ug/kg": "ppb",
    "mg/t": "ppb",
}

# How each unit is written in the name of a column, such as Cu_ppm, Fe2O3 (%), Al g/kg or from_cm.
CONTENT_PATTERNS = {
    "pct": r"pct|percent|%",
    "g/kg": r"(?<![a-z\u00b5\u03bc])(g[^a-z0-9]?kg|kg[^a-z0-9]?t(?![a-z]))",
    "ppm": r"ppm|(?<![a-z])mg[^a-z0-9]?kg|(?<![a-z])g([^a-z0-9]?|p)t(?![a-z])",
    "ppb": r"ppb|(?<![a-z])[u\u00b5\u03bc]g[^a-z0-9]?kg|(?<![a-z])mg[^a-z0-9]?t(?![a-z])",
}
OUNCES = r"(?<![a-z])oz|ounce"  # troy ounces, of a ton that can be a short one (34.29 g/t), a long one or a tonne
DEPTH_PATTERNS = {
    "m": r"(?<![a-z])(m|met(er|re)s?)(?![a-z])",
    "cm": r"(?<![a-z])cm(?![a-z])",
    "mm": r"(?<![a-z])mm(?![a-z])",
    "ft": r"(?<![a-z])(ft|feet)(?![a-z])",
}


def unit_in_name(column: str, patterns: dict[str, str]) -> str | None:
    """The unit that a column's name mentions, None if it mentions none or several."""
    units = [unit for unit, pattern in patterns.items() if re.search(pattern, column, re.IGNORECASE)]
    return units[0] if len(units) == 1 else None
