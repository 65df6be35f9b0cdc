"""A sign or qualifier of a number in a column of its own: `Cu_sign` holds `>`, `Cu_qual` holds `BDL`."""

import re

BELOW, ABOVE = "<", ">"
# Words in a column's name after which "yes" means below the limit of detection, or over the method's range.
BELOW_WORDS = r"lt|bdl|bld|cens(?:or(?:ed)?)?|non[ _-]?detects?|less than|below(?: detection)?(?: limit)?"
ABOVE_WORDS = r"gt|adl|over[ _-]?(?:range|limit)|greater than|above"
WORDS = (
    rf"signs?|qual(?:ifier)?s?|flags?|symbol|letter|prefix|modifier|operator|q|lt[ _/]?gt|{BELOW_WORDS}|{ABOVE_WORDS}"
)
# Each begins where a word does: Cu_sign, CuSign, CuLT, but neither SILT nor Design.
_START, _END = r"(?:(?<![a-z0-9])|(?-i:(?<=[a-z0-9])(?=[A-Z])))", r"(?![a-z0-9])"
NAME, BELOW_NAME, ABOVE_NAME = (
    re.compile(rf"{_START}(?:{words})(?:[ _-]?(?:codes?|flags?))?{_END}", re.IGNORECASE)
    for words in (WORDS, BELOW_WORDS, ABOVE_WORDS)
)
SIGNS = {BELOW: ("<", "<=", "\u2264"), ABOVE: (">", ">=", "\u2265")}
MEANINGS = {
    BELOW: (*SIGNS[BELOW], "l", "lt", "bdl", "bld", "bd", "u", "below", "less than", "below detection", "<lod", "<dl"),
    ABOVE: (*SIGNS[ABOVE], "g", "gt", "adl", "over", "above", "greater than", "over range", "overrange"),
    "": ("", "=", "==", "0", "false", "f", "no", "ok", "na", "nan", "none", "measured", "detected"),
}
YES, NO = ("1", "true", "t", "y", "yes", "x"), ("n",)


def names_sign(header: str) -> bool:
    """Whether the name of a column says that it holds signs or qualifiers."""
    return NAME.search(header) is not None


def without_sign_words(header: str) -> str:
    """The name of a column without words for signs, and signs: `Cu_ppm_` of Cu_ppm_qual."""
    return re.sub(r"[<>=\u2264\u2265]+", " ", NAME.sub(" ", header))


def read_sign(cell: str, header: str) -> str | None:
    """The sign that a cell means under this header: "<", ">", or "" for a measured value; None if it is unknown."""
    text = cell.strip().casefold()
    is_below, is_above = (name.search(header) is not None for name in (BELOW_NAME, ABOVE_NAME))
    if is_below != is_above:
        if text in YES:
            return BELOW if is_below else ABOVE
        if text in NO:
            return ""
    return next((sign for sign, texts in MEANINGS.items() if text in texts), None)


def is_plain_sign(cell: str) -> bool:
    """Whether a cell is a sign that cannot be anything else."""
    return any(cell.strip() in signs for signs in SIGNS.values())
