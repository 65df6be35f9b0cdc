"""The columns that data files of every challenge can have: channels, whose names are wavenumbers, and depths.

Columns are identified by name, except the first column, the index. challenge.py defines the other columns.
"""

import re
from collections.abc import Iterable

DEPTH_FROM, DEPTH_TO = DEPTHS = ("DepthFrom", "DepthTo")  # start and end of a sample along the hole, in m


def is_wavenumber(name: str) -> bool:
    """Return whether a column is a channel, that is, its name is a decimal number in cm-1, such as 3997.4."""
    return re.fullmatch(r"\d+(\.\d+)?", name) is not None


def channels_of(names: Iterable[str]) -> list[str]:
    """Return the names that are wavenumbers, in descending order."""
    return sorted(filter(is_wavenumber, names), key=float, reverse=True)
