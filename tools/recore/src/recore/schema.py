"""The columns that the data files of all challenges have: channels, whose names are wavenumbers, and depths.

Columns are identified by name, except the first one, the index. The others are the challenge's (challenge.py).
"""

import re
from collections.abc import Iterable

DEPTH_FROM, DEPTH_TO = DEPTHS = ("DepthFrom", "DepthTo")  # m along the hole, where a sample starts and ends


def is_wavenumber(name: str) -> bool:
    """Whether a column of this name is a channel: digits with or without decimals, such as 3997.4, in cm-1."""
    return re.fullmatch(r"\d+(\.\d+)?", name) is not None


def channels_of(names: Iterable[str]) -> list[str]:
    """The names that are wavenumbers, by falling wavenumber."""
    return sorted(filter(is_wavenumber, names), key=float, reverse=True)
