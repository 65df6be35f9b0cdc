"""The assay table: what laboratory and drill hole say of each sample, a row a sample, checked cell by cell."""

import difflib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from recore.dataset.cells import is_text, no_text, number_of, read_cells
from recore.dataset.targets import DETECTION_LIMITS, IDS, LARGEST

TARGETS = tuple(DETECTION_LIMITS)
MISSING = ("", "NA", "NaN")
FEW = 3  # complaints that are shown of many


@dataclass
class AssayTable:
    """`samples` in the table's order; `index`, what each row is called; `identity` and `assays`, columns by name.

    `assays` has all 49 targets, NaN where nothing was measured, or none where the table has no column of them.
    """

    path: Path
    samples: list[str] = field(default_factory=list)
    index: list[str] = field(default_factory=list)
    identity: dict[str, list[str] | list[float]] = field(default_factory=dict)
    assays: dict[str, list[float]] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


def read_assays(path: Path) -> AssayTable:
    """Read an assay table.

    Columns: `sample`, the three IDs, any of the 49 targets, and `index` if the rows are to be called otherwise than
    their samples. An empty cell, NA or NaN is a missing assay; `<0.01`, less than can be detected, becomes half of it.
    Raises ValueError, with the first few of all complaints, where a column or a cell is not so.
    """
    try:
        if path.exists() and not path.is_file():
            raise ValueError("it is no regular file")
        if not is_text(path):
            raise ValueError(no_text(path) or "it is no text; save the table as CSV")
        lines = read_cells(path)
        _, header = next(lines)
        header = _trimmed(header, 0)
        _check_header(header)
        table, complaints = _read_rows(path, header, [(line, _trimmed(cells, len(header))) for line, cells in lines])
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: there is no such file") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    if complaints:
        more = f"; and {len(complaints) - FEW} more like these" if len(complaints) > FEW else ""
        raise ValueError(f"{path}: {'; '.join(complaints[:FEW])}{more}")
    return table


def _trimmed(cells: list[str], width: int) -> list[str]:
    """Cells without the empty ones beyond a width, which spreadsheets leave at the end of a line."""
    while len(cells) > width and not cells[-1]:
        cells = cells[:-1]
    return cells


def _check_header(header: list[str]) -> None:
    if "" in header:
        raise ValueError(f"column {header.index('') + 1} has no name")
    if twice := sorted({name for name in header if header.count(name) > 1}):
        raise ValueError(f"the column {twice[0]!r} is there more than once")
    known = ("sample", "index", *IDS, *TARGETS)
    if unknown := [name for name in header if name not in known]:
        raise ValueError(f"column {unknown[0][:40]!r} is none of this table's: {_mend(unknown[0], known)}")
    if absent := [name for name in ("sample", *IDS) if name not in header]:
        raise ValueError(f"it has no column {absent[0]!r}; sample, SiteID, DepthFrom and DepthTo are needed")


def _mend(name: str, known: tuple[str, ...]) -> str:
    """What a column of an unknown name was perhaps meant to be."""
    letters = "".join(filter(str.isalpha, name)).lower()
    for target in TARGETS:
        element, unit = target[:-3], target[-3:]
        if letters in {element.lower() + other for other in ("", "pct", "ppm", "ppb", "mgkg", "gt", "ugkg", "gkg")}:
            meaning = {"PPM": "parts per million (mg/kg)", "PCT": "per cent", "PPB": "parts per billion (ug/kg)"}[unit]
            return f"this element is expected as {target}, in {meaning} by mass"
    lower = {other.lower(): other for other in known}
    if near := difflib.get_close_matches(name.lower(), lower, 1, 0.6):
        return f"is {lower[near[0]]} meant?"
    return "sample, index, SiteID, DepthFrom, DepthTo and the 49 targets are"


def _read_rows(path: Path, header: list[str], lines: list[tuple[int, list[str]]]) -> tuple[AssayTable, list[str]]:
    """The table, and what is wrong with its cells."""
    if not lines:
        raise ValueError("a header, but no sample")
    complaints: list[str] = []
    for line, cells in lines:
        if len(cells) != len(header):
            complaints.append(f"line {line} has {len(cells)} cells under {len(header)} names")
    if complaints:
        return AssayTable(path), complaints
    columns = {name: [(line, cells[place]) for line, cells in lines] for place, name in enumerate(header)}
    table = AssayTable(path, samples=[cell for _, cell in columns["sample"]])
    table.index = [cell for _, cell in columns.get("index", columns["sample"])]
    for name in ("sample", "index"):
        complaints += _not_unique(name, columns.get(name, []))
    complaints += [f"line {line}, SiteID: it is empty" for line, cell in columns["SiteID"] if not cell]
    table.identity["SiteID"] = [cell for _, cell in columns["SiteID"]]
    for name in ("DepthFrom", "DepthTo"):
        depths = [(line, cell, number_of(cell)) for line, cell in columns[name]]
        complaints += [
            f"line {line}, {name}: {cell[:40]!r} is no number" for line, cell, depth in depths if depth is None
        ]
        table.identity[name] = [np.nan if depth is None else depth for *_, depth in depths]
    for (line, _), start, end in zip(lines, table.identity["DepthFrom"], table.identity["DepthTo"], strict=True):
        if start > end:  # type: ignore[operator]  # both are numbers
            complaints.append(f"line {line}: DepthFrom {start:g} lies below DepthTo {end:g}")
    if any(name in columns for name in TARGETS):
        limits: list[str] = []
        for name in TARGETS:
            column = columns.get(name, [(0, "")] * len(lines))
            table.assays[name] = [_assay(name, line, cell, complaints, limits) for line, cell in column]
        if limits:
            few = ", ".join(limits[:FEW]) + (", ..." if len(limits) > FEW else "")
            table.remarks.append(f"{path}: {len(limits)} assays below the limit of detection became half of it: {few}")
    return table, complaints


def _not_unique(name: str, cells: list[tuple[int, str]]) -> list[str]:
    seen: dict[str, int] = {}
    complaints = []
    for line, cell in cells:
        if not cell:
            complaints.append(f"line {line}, {name}: it is empty")
        elif cell in seen:
            complaints.append(f"line {line}, {name}: {cell[:60]!r} is on line {seen[cell]} already")
        seen.setdefault(cell, line)
    return complaints


def _assay(name: str, line: int, cell: str, complaints: list[str], limits: list[str]) -> float:
    """A cell's assay in the target's unit, NaN where it is missing; else what is wrong with it is added."""
    if cell in MISSING:
        return np.nan
    below = cell.startswith("<")
    value = number_of(cell.removeprefix("<").strip())
    place = f"line {line}, {name}: {cell[:40]!r}"
    if cell.startswith(">"):
        complaints.append(f"{place} is more than the method could measure: give the value, or leave the cell empty")
    elif value is None:
        complaints.append(f"{place} is no number; a missing assay is an empty cell")
    elif value < 0:
        complaints.append(
            f"{place} is negative; less than the limit of detection is written <{-value:g}, missing empty"
        )
    elif value > LARGEST[name[-3:]]:
        complaints.append(f"{place} is more than all of the sample: the unit is another")
    elif below:
        limits.append(f"line {line}, {name} {cell}")
        return value / 2
    else:
        return value
    return np.nan
