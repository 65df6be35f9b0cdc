"""Text from programs and files of others: what of it a terminal can show, and which of it is a number."""

import math


def printable(text: str) -> str:
    """The text with a question mark for each character that is neither printable, nor a tab or a line feed."""
    return "".join(letter if letter.isprintable() or letter in "\t\n" else "?" for letter in text.replace("\r\n", "\n"))


def parse_number(text: str) -> float | None:
    """The finite number that a text is, or None. `1_0` and digits of other scripts are numbers for Python alone."""
    text = text.strip()
    try:
        value = float(text) if text.isascii() and "_" not in text else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None
