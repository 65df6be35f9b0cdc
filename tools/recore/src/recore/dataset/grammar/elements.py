"""Chemical elements: their symbols and names, and their mass fractions in compounds."""

import re
from functools import cache

BRITISH_NAMES = {"aluminium": "Al", "caesium": "Cs", "sulphur": "S"}
URANIUM = 92  # the number of the last natural element, because No means number, not nobelium


@cache
def element_names() -> dict[str, str]:
    """Map the lower-case symbols and names of natural elements to their symbols."""
    import periodictable

    known = [element for element in periodictable.elements if 0 < element.number <= URANIUM]
    symbols = {element.name: str(element) for element in known} | BRITISH_NAMES
    return symbols | {str(element).lower(): str(element) for element in known}


@cache
def mass_share(element: str, formula: str) -> float:
    """Return the mass fraction of an element in a compound, 1 for the element itself."""
    if element == formula:
        return 1.0
    import periodictable

    flat = re.sub(r"[.*]\s?(\d*)H2O", r"(H2O)\1", formula)
    return {str(known): float(share) for known, share in periodictable.formula(flat).mass_fraction.items()}[element]
