"""Functions that clean up, parse and format text."""

import logging
import math


def printable(text: str) -> str:
    """Replace each character that is neither printable nor a tab or line feed with a question mark."""
    return "".join(letter if letter.isprintable() or letter in "\t\n" else "?" for letter in text.replace("\r\n", "\n"))


def printable_logger(name: str) -> logging.Logger:
    """Return a logger that makes messages and tracebacks printable: they may contain text of jobs and requests."""
    logger = logging.getLogger(name)
    logger.addFilter(_make_printable)
    return logger


def _make_printable(record: logging.LogRecord) -> bool:
    record.msg, record.args = printable(record.getMessage()), ()
    if record.exc_info:
        record.exc_text = printable(logging.Formatter().formatException(record.exc_info))
    return True


def parse_float(string: str) -> float | None:
    """Return the number that a string contains, possibly NaN or infinite, or None if it is not a number.

    `1_0` and non-ASCII digits, which Python accepts, do not count as numbers.
    """
    string = string.strip()
    try:
        return float(string) if string.isascii() and "_" not in string else None
    except ValueError:
        return None


def parse_number(string: str) -> float | None:
    value = parse_float(string)
    return value if value is not None and math.isfinite(value) else None


def reject_constant(name: str) -> None:
    """Raise ValueError. As the `parse_constant` of Python's JSON parser, this rejects NaN and Infinity."""
    raise ValueError(f"{name} is not valid JSON")


def format_size(size: int) -> str:
    """Format a number of bytes, such as 512 bytes, 64.0 kB or 3.1 GB."""
    for unit, unit_size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= unit_size:
            return f"{size / unit_size:.1f} {unit}"
    return f"{size} bytes"
