"""Absorption bands of minerals and of the air."""

# (short name, from cm-1, to cm-1, description, shift of the label in pixels). Vibrations: Farmer, The Infrared
# Spectra of Minerals (1974), and bands of the atmosphere. If labels would overlap, page.js keeps the first.
REGIONS = (
    ("Al-OH", 3720, 3600, "hydroxyl stretching: kaolinite, white mica, smectite", 0),
    ("water", 3600, 3000, "stretching of water: moisture, clays", 0),
    ("CO2", 2390, 2300, "atmospheric carbon dioxide, not a mineral; it should be the same in all rows", 0),
    ("water", 1660, 1600, "bending of water", 0),
    ("carbonate", 1500, 1390, "stretching of carbonate: calcite, dolomite, ankerite", 0),
    ("Si-O", 1110, 950, "stretching of silicates; the strongest band of most rocks", -2),
    ("Al-OH", 930, 905, "hydroxyl bending", -3),
    ("carbonate", 890, 860, "bending of carbonate", 4),
    ("Si-O", 810, 770, "the doublet of quartz", 7),
)


def name_bands(high: float, low: float) -> str:
    """Return the names of the absorption bands within a range of wavenumbers in cm-1, or "" if there are none."""
    names = [name for name, start, end, _, _ in REGIONS if low <= start and high >= end]
    return ", ".join(dict.fromkeys(names))
