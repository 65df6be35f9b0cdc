"""The assay table: a row for each sample with its drill hole, its depths and its assays, checked cell by cell."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from recore.dataset.cells import check_text, parse_axis_name, read_cells
from recore.dataset.columns import Source, find_columns
from recore.dataset.plausible import SuspectedUnit, suspected_content_units, suspected_depth_unit
from recore.dataset.targets import LARGEST
from recore.schema import DEPTHS, HOLE, IDS, TARGETS
from stagemaker import parse_number

MISSING = ("", "NA", "NaN")
SHOWN = 3  # errors of a table that a message names; it counts the others

Lines = list[tuple[int, list[str]]]
Cells = list[tuple[int, str]]  # of one column, with the numbers of their lines


@dataclass
class AssayTable:
    """`samples` in the order of the table; `index`, the name of each row; `identity` and `assays`, columns by name.

    `assays` has all 49 targets, NaN where nothing was measured, or none if the table has no column of any target.
    `suspected` are the columns that are probably in another unit than the schema's.
    """

    path: Path
    samples: list[str] = field(default_factory=list)
    index: list[str] = field(default_factory=list)
    identity: dict[str, list[str] | list[float]] = field(default_factory=dict)
    assays: dict[str, list[float]] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    suspected: list[SuspectedUnit] = field(default_factory=list)


def read_assays(
    path: Path, columns: Mapping[str, str] | None = None, depth_unit: str | None = None, with_spectra: bool = False
) -> AssayTable:
    """Read an assay table.

    Its columns are `sample`, the three IDs, any of the 49 targets, and `index` if the rows have other names than their
    samples. `columns` says which column of the table holds a column of the schema, `depth_unit` the unit of depths. An
    empty cell, NA or NaN is a missing assay; `<0.01`, less than the limit of detection, becomes half of the limit.
    `with_spectra`: columns whose names are numbers are channels, and without a column `sample` the first is that.
    Raises ValueError with the first errors if a column or a cell is invalid.
    """
    try:
        if path.exists() and not path.is_file():
            raise ValueError("this is not a regular file")
        check_text(path, "this is not text; save the table as CSV")
        lines = read_cells(path)
        _, header = next(lines)
        header = _without_empty_end(header, 0)
        places = list(range(len(header)))
        if with_spectra:
            places = [place for place, name in enumerate(header) if parse_axis_name(name) is None]
            if "sample" not in (columns or {}) and "sample" not in header:
                header[0] = "sample"
        sources, remarks = find_columns([header[place] for place in places], columns or {}, depth_unit)
        rows, errors = [], []
        for line, cells in lines:
            cells = _without_empty_end(cells, len(header))
            if len(cells) != len(header):
                errors.append(f"line {line} has {len(cells)} cells, but the header has {len(header)}")
            else:
                rows.append((line, [cells[place] for place in places]))
        if not rows and not errors:
            raise ValueError("there is a header, but no sample")
        table = AssayTable(path, remarks=[f"{path}: {remark}" for remark in remarks])
        if not errors:
            _fill(table, sources, rows, errors)
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: there is no such file") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    if errors:
        more = f"; and {len(errors) - SHOWN} more errors" if len(errors) > SHOWN else ""
        raise ValueError(f"{path}: {'; '.join(errors[:SHOWN])}{more}")
    table.suspected = _suspected_units(table, sources)
    return table


def holds_assays(path: Path) -> bool:
    """Whether a file is a table with spectra and the drill holes, depths or assays of its samples."""
    try:
        check_text(path, "")
        _, header = next(read_cells(path))
    except (ValueError, OSError):  # the reader of spectra reports it
        return False
    axis = [name for name in header if parse_axis_name(name) is not None]
    return len(axis) > 1 and not {*IDS, *TARGETS}.isdisjoint(header)


def _without_empty_end(cells: list[str], width: int) -> list[str]:
    """Cells without the empty ones beyond a width, which spreadsheets leave at the end of a line."""
    while len(cells) > width and not cells[-1]:
        cells = cells[:-1]
    return cells


def _fill(table: AssayTable, sources: Mapping[str, Source], rows: Lines, errors: list[str]) -> None:
    """Fill the table from the rows; add what is wrong with their cells to `errors`."""

    def column(name: str) -> Cells:
        return [(line, cells[sources[name].place]) for line, cells in rows]

    table.samples = _names(column("sample"), "sample", errors)
    table.index = _names(column("index"), "index", errors) if "index" in sources else table.samples
    table.identity[HOLE] = [cell for _, cell in column(HOLE)]
    errors += [f"line {line}, {HOLE}: the cell is empty" for line, cell in column(HOLE) if not cell]
    depths = {name: _depths(column(name), name, sources[name].factor, errors) for name in DEPTHS}
    table.identity |= depths
    for (line, _), start, end in zip(rows, *depths.values(), strict=True):
        if start > end:
            errors.append(f"line {line}: DepthFrom {start:g} is deeper than DepthTo {end:g}")
    limits: list[str] = []
    if not sources.keys().isdisjoint(TARGETS):
        for name in TARGETS:
            source = sources.get(name)
            cells = column(name) if source else [(0, "")] * len(rows)
            table.assays[name] = [_assay(name, source, line, cell, errors, limits) for line, cell in cells]
    if limits:
        examples = ", ".join(limits[:SHOWN]) + (", ..." if len(limits) > SHOWN else "")
        table.remarks.append(
            f"{table.path}: {len(limits)} assays below the detection limit were set to half of it: {examples}"
        )


def _names(cells: Cells, column: str, errors: list[str]) -> list[str]:
    """The cells of a column in which every name must be different."""
    first_line: dict[str, int] = {}
    for line, cell in cells:
        if not cell:
            errors.append(f"line {line}, {column}: the cell is empty")
        elif cell in first_line:
            errors.append(f"line {line}, {column}: {cell[:60]!r} is already on line {first_line[cell]}")
        first_line.setdefault(cell, line)
    return [cell for _, cell in cells]


def _depths(cells: Cells, column: str, factor: float, errors: list[str]) -> list[float]:
    """Depths in metres, NaN if a cell is not a number."""
    depths = []
    for line, cell in cells:
        depth = parse_number(cell)
        if depth is None:
            errors.append(f"line {line}, {column}: {cell[:40]!r} is not a number")
        depths.append(np.nan if depth is None else _scaled(depth, factor))
    return depths


def _assay(name: str, source: Source | None, line: int, cell: str, errors: list[str], limits: list[str]) -> float:
    """The assay of a cell in the unit of the target, NaN if it is missing or invalid."""
    if cell in MISSING or not source:
        return np.nan
    value = parse_number(cell.removeprefix("<").strip())
    place = f"line {line}, {name}: {cell[:40]!r}"
    if cell.startswith(">"):
        errors.append(f"{place} exceeds the method's range: enter the value, or leave the cell empty")
    elif value is None:
        errors.append(f"{place} is not a number; leave the cell empty if the assay is missing")
    elif value < 0:
        errors.append(
            f"{place} is negative; write <{-value:g} for a value below the detection limit, or nothing if it is missing"
        )
    elif (content := _scaled(value, source.factor)) > LARGEST[name[-3:]]:
        errors.append(
            f"{place} is more than the whole sample, so it is in another unit: for example, "
            f"--column {name}={source.column}:{'ppm' if name.endswith('PCT') else 'ppb'} converts it"
        )
    elif cell.startswith("<"):
        limits.append(f"line {line}, {name} {cell}")
        return content / 2
    else:
        return content
    return np.nan


def _scaled(value: float, factor: float) -> float:
    """A converted value, rounded so that 5.3 g/kg become 5300 mg/kg and not 5300.000000000001."""
    return value if factor == 1 else float(f"{value * factor:.12g}")


def _suspected_units(table: AssayTable, sources: Mapping[str, Source]) -> list[SuspectedUnit]:
    """The columns that are probably in another unit, with the option that converts them."""
    suspected = []
    for content in suspected_content_units({name: values for name, values in table.assays.items() if name in sources}):
        source = sources[content.column]
        remedy = f"if so, --column {content.column}={source.column}:{content.unit} converts them"
        if not content.unit or source.factor != 1:
            remedy = f"check the unit of the table's column {source.column!r}"
        suspected.append(replace(content, remedy=remedy))
    if depths := suspected_depth_unit(*(table.identity[name] for name in DEPTHS)):
        source = sources[DEPTHS[0]]
        remedy = f"if so, --depth-unit {depths.unit} converts them"
        if not depths.unit or source.factor != 1:
            remedy = "check the unit of the depths, --depth-unit"
        suspected.append(replace(depths, remedy=remedy))
    return suspected
