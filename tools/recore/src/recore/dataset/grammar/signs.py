"""Parse signs and qualifiers in separate columns: `Cu_sign` contains `>`, `Cu_qual` contains `BDL`."""

import re

BELOW, ABOVE = "<", ">"
# Words in a column's name after which "yes" means below the limit of detection, or over the method's range.
BELOW_WORDS = (
    r"lt|bdl|bld|(?-i:ND|nd)|cen(?:s(?:or(?:ed)?)?)?|non[ _-]?detects?|less[ _-]?than"
    r"|below(?:[ _-]?(?:detection|limit|m?dl|lod))*"
)
ABOVE_WORDS = r"gt|adl|over[ _-]?(?:range|limit)|greater[ _-]?than|above"
DETECTED_WORDS = r"det|detect|detected"
WORDS = (
    "signs?|qual(?:ifier)?s?|flags?|symbol|letter|prefix|modifier|q|lt[ _/]?gt"
    f"|{BELOW_WORDS}|{ABOVE_WORDS}|{DETECTED_WORDS}"
)
# Each matches at the beginning of a word: Cu_sign, CuSign, CuLT, but neither SILT nor Design.
_START, _END = r"(?:(?<![a-z0-9])|(?-i:(?<=[a-z0-9])(?=[A-Z])))", r"(?![a-z0-9])"
NAME, BELOW_NAME, ABOVE_NAME, DETECTED_NAME = (
    re.compile(rf"{_START}(?:{words})(?:[ _-]?(?:codes?|flags?))?{_END}", re.IGNORECASE)
    for words in (WORDS, BELOW_WORDS, ABOVE_WORDS, DETECTED_WORDS)
)
SIGNS = {BELOW: ("<", "<="), ABOVE: (">", ">=")}
MEANINGS = {
    BELOW: (
        *(*SIGNS[BELOW], "l", "lt", "bdl", "bld", "bd", "bql", "u", "nd", "below", "less than", "below detection"),
        *("not detected", "non-detect", "<lod", "<loq", "<dl", "<mdl", "<rl"),
    ),
    ABOVE: (*SIGNS[ABOVE], "g", "gt", "adl", "over", "above", "greater than", "over range", "overrange"),
    "": ("", "=", "==", "0", "false", "f", "no", "ok", "na", "nan", "none", "measured", "detected"),
}
YES, NO = ("1", "true", "t", "y", "yes", "x"), ("0", "false", "f", "n", "no")


def mentions_sign(header: str) -> bool:
    """Return whether the name of a column says that it contains signs or qualifiers."""
    return NAME.search(header) is not None


def remove_sign_words(header: str) -> str:
    """Remove signs and words for signs from a column name: Cu_ppm_qual becomes `Cu_ppm_`."""
    return re.sub(r"[<>=?\u2264\u2265]+", " ", NAME.sub(" ", header))


def read_sign(cell: str, header: str) -> str | None:
    """Return the sign that a cell means under this header: "<", ">", "" if measured, or None if the sign is unknown."""
    word = cell.strip().casefold()
    for name, yes, no in ((BELOW_NAME, BELOW, ""), (ABOVE_NAME, ABOVE, ""), (DETECTED_NAME, "", BELOW)):
        if name.search(header) and word in (*YES, *NO):
            return yes if word in YES else no
    return next((sign for sign, meanings in MEANINGS.items() if word in meanings), None)


def is_plain_sign(cell: str) -> bool:
    """Return whether a cell can only be a sign, such as <, BDL or over range."""
    word = cell.strip().casefold()
    return any(word in SIGNS[sign] or (len(word) > 2 and word in MEANINGS[sign]) for sign in SIGNS)


def remove_sign(cell: str) -> str:
    """Return the contents of a cell after its sign, such as 5 of <5, or "" if it has no sign."""
    return cell.lstrip("<>= ") if cell.startswith(("<", ">")) else ""
