"""The columns of a data file: what preprocess.py, data/README.md and all packages of recore mean by them.

Columns are identified by name, except the first one, the index. A channel is a column whose name is a wavenumber.
"""

import re
from collections.abc import Iterable

HOLE = "SiteID"
DEPTH_FROM, DEPTH_TO = "DepthFrom", "DepthTo"  # m along the hole, where a sample starts and ends
DEPTHS = (DEPTH_FROM, DEPTH_TO)
IDS = (DEPTH_TO, HOLE, DEPTH_FROM)
TARGETS = tuple(  # in the order of predictions; the last letters are the unit
    "AgPPM AsPPM AuPPM BaPPM BiPPM CdPPM CoPPM CuPPM FePCT MnPPM MoPPM NiPPM PPCT PbPPM SPPM SbPPM SePPM "
    "SnPPM SrPPM TePPB ThPPB UPPB VPCT WPPM ZnPPM ZrPPM BePPM AlPPM CaPPM CePPM CrPPM CsPPM GaPPM GePPM "
    "HfPPM InPPM KPPM LaPPM LiPPM MgPPM NaPPM NbPPM RbPPM RePPM ScPPM TaPPM TiPPM TlPPM YPPM".split()
)


def is_wavenumber(name: str) -> bool:
    """Whether a column of this name is a channel: digits with or without decimals, such as 3997.4, in cm-1."""
    return re.fullmatch(r"\d+(\.\d+)?", name) is not None


def channels_of(names: Iterable[str]) -> list[str]:
    """The names that are wavenumbers, by falling wavenumber."""
    return sorted(filter(is_wavenumber, names), key=float, reverse=True)


def unknown_columns(names: Iterable[str]) -> list[str]:
    """The names that are neither an ID, a target nor a wavenumber."""
    return [name for name in names if name not in IDS and name not in TARGETS and not is_wavenumber(name)]
