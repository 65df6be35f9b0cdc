"""Text: what of other programs' text a terminal can show, which of it is a number, and how sizes are written."""

import math


def printable(text: str) -> str:
    """The text with a question mark for each character that is neither printable, nor a tab or a line feed."""
    return "".join(letter if letter.isprintable() or letter in "\t\n" else "?" for letter in text.replace("\r\n", "\n"))


def parse_float(text: str) -> float | None:
    """The number that a text is, NaN and infinity included, or None.

    `1_0` and digits of other scripts are numbers for Python alone.
    """
    text = text.strip()
    try:
        return float(text) if text.isascii() and "_" not in text else None
    except ValueError:
        return None


def parse_number(text: str) -> float | None:
    value = parse_float(text)
    return value if value is not None and math.isfinite(value) else None


def refuse_constant(name: str) -> None:
    """Refuse NaN and Infinity, which Python's parser of JSON would accept. For its `parse_constant`."""
    raise ValueError(f"{name} is not valid JSON")


def format_size(size: int) -> str:
    """A number of bytes as people write it: 512 bytes, 64.0 kB, 3.1 GB."""
    for unit, unit_size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= unit_size:
            return f"{size / unit_size:.1f} {unit}"
    return f"{size} bytes"
