"""Builds assay tables of laboratories, and the contents of elements in compounds."""

from collections.abc import Sequence
from dataclasses import replace

from recore_support.import_cases.case import Assays, Case
from recore_support.import_cases.spectra import SAMPLES, table
from recore_support.import_cases.text import US, TextFormat

# standard atomic weights (IUPAC, abridged)
WEIGHTS = {
    "Al": 26.9815,
    "B": 10.81,
    "Ba": 137.327,
    "Be": 9.01218,
    "C": 12.011,
    "Ca": 40.078,
    "Ce": 140.116,
    "Cl": 35.45,
    "Co": 58.9332,
    "Cr": 51.9961,
    "Cs": 132.905,
    "Cu": 63.546,
    "F": 18.9984,
    "Fe": 55.845,
    "H": 1.008,
    "K": 39.0983,
    "La": 138.905,
    "Li": 6.94,
    "Mg": 24.305,
    "Mn": 54.938,
    "Mo": 95.95,
    "N": 14.007,
    "Na": 22.9898,
    "Nb": 92.9064,
    "Ni": 58.6934,
    "O": 15.999,
    "P": 30.9738,
    "Pb": 207.2,
    "Rb": 85.4678,
    "S": 32.06,
    "Si": 28.085,
    "Sn": 118.71,
    "Sr": 87.62,
    "Ta": 180.948,
    "Th": 232.038,
    "Ti": 47.867,
    "U": 238.029,
    "V": 50.9415,
    "W": 183.84,
    "Y": 88.9058,
    "Zn": 65.38,
    "Zr": 91.224,
}
IDS = {
    "sample": list(SAMPLES),
    "SiteID": ["H1", "H1", "H2"],
    "DepthFrom": ["0", "1", "5"],
    "DepthTo": ["1", "2", "6.5"],
}
ID_VALUES: Assays = {"SiteID": ["H1", "H1", "H2"], "DepthFrom": [0, 1, 5], "DepthTo": [1, 2, 6.5]}


def share(element: str, **composition: int) -> float:
    """The share of an element's mass in a compound."""
    mass = sum(WEIGHTS[name] * number for name, number in composition.items())
    return WEIGHTS[element] * composition[element] / mass


def times(factor: float, *numbers: float) -> list[float | str | None]:
    """Numbers, multiplied."""
    return [factor * number for number in numbers]


def assay_case(
    name: str,
    columns: dict[str, Sequence[str]],
    assays: Assays,
    form: TextFormat = US,
    ids: dict[str, list[str]] | None = None,
    id_values: Assays | None = None,
    below: Sequence[str] = (),
    before: str = "",
    file: str = "assays.csv",
    spectra: Case | None = None,
) -> Case:
    """A small table of spectra and an assay table: the columns of IDs, then `columns`, in the order of the samples.

    `below` is a line between the header and the first sample.
    """
    case = spectra or table(name)
    assert case.values
    decimal_ids = {
        title: [cell.replace(".", form.decimal) if title.startswith("Depth") else cell for cell in cells]
        for title, cells in IDS.items()
    }
    cells = {**(decimal_ids if ids is None else ids), **columns}
    rows = [list(cells), *([list(below)] if below else []), *(list(row) for row in zip(*cells.values(), strict=True))]
    values = replace(case.values, assays={**(ID_VALUES if id_values is None else id_values), **assays})
    files = {**case.files, file: form.content(rows, before)}
    return replace(case, name=name, files=files, assays=file, values=values)
