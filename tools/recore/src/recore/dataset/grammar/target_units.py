"""The elements and units of the challenge's targets, and the factors that convert other units to them.

Units are converted within one quantity: concentrations by mass, or amounts of charge. No factor converts one quantity
to the other, or to a pH.
"""

import re
from functools import lru_cache

from recore.challenge import Challenge, challenge
from recore.dataset.grammar.elements import element_names
from recore.dataset.grammar.units import CHARGE_UNITS, CONTENT_UNITS, SYNONYMS, to_ascii, unit_of_cell

VALUES_PER_UNIT = {  # the value in a unit of one part per million by mass, or of one cmol of charge per kg
    **{"ppm": 1.0, "pct": 1e-4, "ppb": 1e3, "g/kg": 1e-3},
    **{"cmol/kg": 1.0, "mmol/kg": 10.0},
}
MAX_CONTENT = {"ppm": 1e6, "pct": 100.0, "ppb": 1e9, "g/kg": 1000.0}  # a sample that consists of the element alone


def unit_of(target: str) -> str:
    """Return a target's unit as written in --column, such as ppm, or, if it cannot be converted, as in score.py."""
    stated = challenge().unit(target)
    unit = SYNONYMS.get(stated.lower(), stated.lower())
    if unit not in VALUES_PER_UNIT:
        unit = unit_of_cell(stated) or unit
    return unit if unit in VALUES_PER_UNIT else stated


def element_of(target: str) -> str:
    """Return the symbol of the element whose concentration by mass is the target, or "" for any other target."""
    return _elements_of(challenge()).get(target, "")


@lru_cache
def _elements_of(of: Challenge) -> dict[str, str]:
    by_mass = [target for target in of.targets if unit_of(target) in CONTENT_UNITS]
    names = {target: target if target in of.units else target[:-3] for target in by_mass}
    return {target: name for target, name in names.items() if element_names().get(name.lower()) == name}


def unit_factor(target: str, unit: str) -> float | None:
    """Return the factor that converts a unit to the target's unit, or None if this is impossible."""
    target_unit = unit_of(target)
    for units in (CONTENT_UNITS, CHARGE_UNITS):
        if unit in units and target_unit in units:
            return VALUES_PER_UNIT[target_unit] * units[unit]
    return 1.0 if unit == target_unit else None


def name_key(name: str) -> str:
    """Return the letters and digits of a name, in lower case."""
    return re.sub(r"[^a-z0-9]", "", to_ascii(name).lower())


def find_target(header: str) -> tuple[str, str] | None:
    """Return the target and the unit that a header such as `pH (H2O)`, `clay %` or `EC [dS/m]` states.

    The unit is "" if the header has none. Return None for any other header, including those of elements.
    """
    keys = _keys(challenge())
    ends = [position + 1 for position, letter in enumerate(header) if letter.isalnum()] if keys else []
    for end in reversed(ends):
        target, suffix = keys.get(name_key(header[:end])), header[end:].strip(" _.,:()[]")
        if not target:
            continue
        if not suffix:
            return target, ""
        if unit := unit_of_cell(suffix):
            return target, unit
        if name_key(suffix) and name_key(suffix) == name_key(challenge().unit(target)):
            return target, unit_of(target)
    return None


@lru_cache
def _keys(of: Challenge) -> dict[str, str]:
    return {name_key(target): target for target in of.targets if not element_of(target)}
