"""Chemical elements: their symbols and names, and their mass fractions in compounds."""

import re
from functools import cache

from recore.dataset.grammar import separate_words

# Names that differ from the American ones: British, then German, French and Spanish. French gold is a common word.
OTHER_NAMES = {
    **{"Ag": "silber argent plata", "Al": "aluminium aluminio", "As": "arsen arsénico", "Au": "oro"},
    **{"Ba": "baryum bario", "Bi": "wismut bismut bismuto", "Ca": "kalzium calcio", "Cd": "kadmium cadmio"},
    **{"Co": "kobalt cobalto", "Cr": "chrom chrome cromo", "Cs": "caesium cäsium césium cesio"},
    **{"Cu": "kupfer cuivre cobre", "Fe": "eisen fer hierro", "K": "kalium potasio", "La": "lanthan lanthane lantano"},
    **{"Li": "litio", "Mg": "magnésium magnesio", "Mn": "mangan manganèse manganeso"},
    **{"Mo": "molybdän molybdène molibdeno", "Na": "natrium sodio", "Nb": "niob niobio", "Ni": "níquel"},
    **{"P": "phosphor phosphore fósforo", "Pb": "blei plomb plomo", "S": "sulphur schwefel soufre azufre"},
    **{"Sb": "antimon antimoine antimonio", "Se": "selen sélénium selenio", "Sn": "zinn étain estaño"},
    **{"Sr": "estroncio", "Ta": "tantal tantale tántalo", "Te": "tellur tellure teluro", "Ti": "titan titane titanio"},
    **{"U": "uran uranio", "V": "vanadio", "W": "wolfram tungstène tungsteno wolframio", "Zn": "zink cinc"},
    **{"Zr": "zirkonium circonio"},
}
URANIUM = 92  # the number of the last natural element, because No means number, not nobelium


@cache
def element_names() -> dict[str, str]:
    """Map the lower-case symbols and names of natural elements to their symbols."""
    import periodictable

    known = [element for element in periodictable.elements if 0 < element.number <= URANIUM]
    symbols = {element.name: str(element) for element in known}
    for symbol, names in OTHER_NAMES.items():
        symbols |= dict.fromkeys((*names.split(), *separate_words(names).split()), symbol)
    return symbols | {str(element).lower(): str(element) for element in known}


@cache
def mass_fraction(element: str, formula: str) -> float:
    """Return the mass fraction of an element in a compound, 1 for the element itself."""
    if element == formula:
        return 1.0
    import periodictable

    flat = re.sub(r"[.*]\s?(\d*)H2O", r"(H2O)\1", formula)
    return {str(known): float(share) for known, share in periodictable.formula(flat).mass_fraction.items()}[element]
