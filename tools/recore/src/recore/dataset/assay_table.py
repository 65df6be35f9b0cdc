"""The assay table: a row for each sample with its drill hole, its depths and its assays, checked cell by cell."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from recore.challenge import challenge
from recore.dataset.codes import suspected_codes
from recore.dataset.column_options import column_option
from recore.dataset.columns import find_columns
from recore.dataset.grammar import Question
from recore.dataset.grammar.contents import factor
from recore.dataset.grammar.ids import find_id_columns
from recore.dataset.grammar.numbers import EMPTY, Marks
from recore.dataset.grammar.signs import read_sign
from recore.dataset.grammar.target_units import PER_UNIT, WHOLE, element_of, unit_factor, unit_of
from recore.dataset.grammar.units import unit_of_cell
from recore.dataset.plausible import SuspectedUnit, suspected_content_units, suspected_depth_unit
from recore.dataset.target_columns import Source, unit_in_comments
from recore.dataset.text_table import TextTable, open_table, without_empty_end
from recore.listing import list_names
from recore.schema import DEPTHS

CODES = 5  # columns whose codes have a remark of their own
SHOWN = 3  # errors of a table that a message names; it counts the others

Lines = list[tuple[int, list[str]]]
Cells = list[tuple[int, str]]  # of one column, with the numbers of their lines


@dataclass
class AssayTable:
    """The rows of an assay table, in its order; `identity` and `assays` are columns by name.

    `assays` has all targets, NaN where nothing was measured, or none if the table has no target. `suspected` are the
    columns that are probably in another unit than the schema's.
    """

    path: Path
    sample_column: str = "sample"
    samples: list[str] = field(default_factory=list)
    index: list[str] = field(default_factory=list)
    identity: dict[str, list[str] | list[float]] = field(default_factory=dict)
    assays: dict[str, list[float]] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    suspected: list[SuspectedUnit] = field(default_factory=list)

    @cached_property
    def places(self) -> dict[str, int]:
        """The row of each sample."""
        return {sample: place for place, sample in enumerate(self.samples)}


def read_assays(
    path: Path,
    columns: Mapping[str, str] | None = None,
    depth_unit: str | None = None,
    content_unit: str | None = None,
    decimal: str | None = None,
    with_spectra: bool = False,
) -> AssayTable:
    """Read an assay table.

    `columns` says which column of the table holds a column of the schema; the others are found by their names.
    `content_unit` is that of assays whose column states none, `decimal` "point" or "comma". `with_spectra`: columns
    whose names are numbers are channels. Raises ValueError with the first errors, which name the path, or Question,
    which does not, if the table leaves open what its numbers mean.
    """
    try:
        if path.exists() and not path.is_file():
            raise ValueError("this is not a regular file")
        chosen = [*(columns or {}).values()]
        used = {*chosen, *(column.rpartition(":")[0] for column in chosen)} - {""}
        text = open_table(path, decimal, "this is not text; save the table as CSV", used)
        header, rows, errors = _read_rows(text, with_spectra)
        unit = content_unit or ("" if with_spectra else unit_in_comments(text.preamble.splitlines()))

        def cells(place: int) -> list[str]:
            return [row[place] for _, row in rows]

        sources, remarks = find_columns(header, columns or {}, cells, text.marks, depth_unit, unit, with_spectra)
        remarks = [f"{path}: {remark}" for remark in (*text.remarks, *remarks)]
        table = AssayTable(path, sources["sample"].column, remarks=remarks)
        if not errors:
            _fill(table, sources, rows, text.marks, errors)
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: there is no such file") from None
    except Question:
        raise
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    if errors:
        more = f"; and {len(errors) - SHOWN} more errors" if len(errors) > SHOWN else ""
        raise ValueError(f"{path}: {'; '.join(errors[:SHOWN])}{more}")
    table.suspected = _suspected_units(table, sources)
    return table


def _read_rows(text: TextTable, with_spectra: bool) -> tuple[dict[int, str], Lines, list[str]]:
    """The names of columns by place, and the rows, both without channels; and the lines that are wrong.

    Raises ValueError if there is no row.
    """
    lines = text.lines()
    _, names = next(lines)
    names = without_empty_end(names, 0)
    header = dict(enumerate(names))
    if with_spectra:
        header = {place: name for place, name in header.items() if text.channel(name) is None}
    rows: Lines = []
    errors: list[str] = []
    for line, cells in lines:
        cells = without_empty_end(cells, len(names))
        if len(cells) != len(names):
            errors.append(f"line {line} has {len(cells)} cells, but the header has {len(names)}")
        else:
            # spectra are read by themselves
            rows.append((line, [cell if place in header else "" for place, cell in enumerate(cells)]))
    if not rows and not errors:
        raise ValueError("there is a header, but no sample")
    return header, rows, errors


def holds_assays(path: Path) -> bool:
    """Whether a file is a table with spectra and the drill holes, depths or assays of its samples."""
    ids = challenge().ids
    try:
        text = open_table(path, "point")  # the header suffices, whatever the marks of numbers are
        _, header = next(text.lines())
    except (ValueError, OSError):  # the reader of spectra reports it
        return False
    others = {place: name for place, name in enumerate(header) if text.channel(name) is None}
    has_ids = all(find_id_columns(column, others) for column in ids)
    return len(header) - len(others) > 1 and (has_ids or not {*ids, *challenge().targets}.isdisjoint(header))


def _fill(table: AssayTable, sources: Mapping[str, Source], rows: Lines, marks: Marks, errors: list[str]) -> None:
    targets = challenge().targets
    group = challenge().group
    cells_of = {name: _cells(source, rows, errors) for name, source in sources.items()}
    table.samples = _names(cells_of["sample"], "sample", errors)
    table.index = _names(cells_of["index"], "index", errors) if "index" in sources else table.samples
    errors += [f"line {line}, {group}: {_no_name(cell)}" for line, cell in cells_of[group] if cell in EMPTY]
    for name in challenge().sample_ids:
        if name in challenge().depths:
            table.identity[name] = _depths(cells_of[name], name, sources[name].factor, marks, errors)
        else:
            table.identity[name] = [cell for _, cell in cells_of[name]]
    if challenge().depths:
        depths = (table.identity[name] for name in DEPTHS)
        for (line, _), start, end in zip(rows, *depths, strict=True):
            if start > end:
                errors.append(f"line {line}: DepthFrom {start:g} is deeper than DepthTo {end:g}")
    limits: list[str] = []
    if not sources.keys().isdisjoint(targets):
        for name in targets:
            source = sources.get(name)
            cells = cells_of[name] if source else [(0, "")] * len(rows)
            by_line = _sources_by_line(name, source, rows, errors) if source else [None] * len(rows)
            whole = WHOLE[unit_of(name)] if element_of(name) else np.inf
            table.assays[name] = [
                _assay(name, of_line, line, cell, whole, marks, errors, limits)
                for of_line, (line, cell) in zip(by_line, cells, strict=True)
            ]
    if limits:
        examples = ", ".join(limits[:SHOWN]) + (", ..." if len(limits) > SHOWN else "")
        table.remarks.append(
            f"{table.path}: {len(limits)} assays below the detection limit were set to half of it: {examples}"
        )
    numbers = {
        name: np.array([marks.parse(cell) for _, cell in cells_of[name]], dtype=float)  # NaN for None, as below a limit
        for name in sources
        if name in (*DEPTHS, *targets)
    }
    # a depth of 0 is usual
    codes = [code for code in suspected_codes(numbers) if code.value or code.column not in DEPTHS]
    for code in codes[:CODES]:
        lines = list_names([str(rows[row][0]) for row in code.rows], SHOWN)
        table.remarks.append(f"{table.path}: {code.text} (lines {lines})")
    if len(codes) > CODES:
        columns = list_names([code.column for code in codes[CODES:]], SHOWN)
        table.remarks.append(f"{table.path}: the same holds for numbers of {columns}")


def _cells(source: Source, rows: Lines, errors: list[str]) -> Cells:
    """The cells of a column, each with its sign if another column contains the signs: <5."""
    if source.signs is None:
        return [(line, cells[source.place]) for line, cells in rows]
    place, name = source.signs
    signed: Cells = []
    for line, cells in rows:
        sign, cell = read_sign(cells[place], name), cells[source.place]
        if sign is None:
            errors.append(
                f"line {line}, {name[:40]}: {cells[place][:40]!r} is not a known sign of {source.column[:40]!r}; "
                "write < for below the detection limit, > for over the range, or nothing for a measured value"
            )
        signed.append((line, cell if not sign or cell in EMPTY or cell.startswith(sign) else sign + cell))
    return signed


def _sources_by_line(target: str, source: Source, rows: Lines, errors: list[str]) -> list[Source | None]:
    """The source for each line, with the unit that another column can contain; None if the unit is not valid."""
    if source.units is None:
        return [source] * len(rows)
    place, name = source.units
    by_cell: dict[str, Source | None] = {}
    for cell in {cells[place] for _, cells in rows}:
        unit = unit_of_cell(cell)
        is_valid = unit_factor(target, unit) is not None and source.unit in ("", unit)
        size = factor(target, source.formula or element_of(target), unit) if is_valid else 0
        by_cell[cell] = replace(source, unit=unit, factor=size) if is_valid else None
    reason = f"but {source.column[:40]!r} states {source.unit}" if source.unit else "which is not a unit by mass"
    for line, cells in rows:
        cell = cells[place]
        if by_cell[cell] is None and cells[source.place] not in EMPTY:
            problem = f"the unit is {cell[:40]!r}, {reason}" if cell else "the unit is missing"
            errors.append(f"line {line}, {name[:40]}: {problem}; write ppm or %")
    return [by_cell[cells[place]] for _, cells in rows]


def _names(cells: Cells, column: str, errors: list[str]) -> list[str]:
    """The cells of a column in which every name must be different."""
    first_line: dict[str, int] = {}
    for line, cell in cells:
        if cell in EMPTY:
            errors.append(f"line {line}, {column}: {_no_name(cell)}")
        elif cell in first_line:
            errors.append(f"line {line}, {column}: {cell[:60]!r} is already on line {first_line[cell]}")
        first_line.setdefault(cell, line)
    return [cell for _, cell in cells]


def _no_name(cell: str) -> str:
    return f"{cell!r} is not a name" if cell else "the cell is empty"


def _depths(cells: Cells, column: str, factor: float, marks: Marks, errors: list[str]) -> list[float]:
    depths = []
    for line, cell in cells:
        depth = marks.parse(cell)
        if depth is None:
            errors.append(f"line {line}, {column}: {cell[:40]!r} is not a number")
        depths.append(np.nan if depth is None else _scaled(depth, factor))
    return depths


def _assay(
    name: str,
    source: Source | None,
    line: int,
    cell: str,
    whole: float,
    marks: Marks,
    errors: list[str],
    limits: list[str],
) -> float:
    """The assay of a cell in the unit of the target, NaN if it is missing or invalid. whole: the largest possible."""
    if cell in EMPTY or not source:
        return np.nan
    value = marks.parse(cell.replace("<=", "<").removeprefix("<").strip())
    place = f"line {line}, {name}: {cell[:40]!r}"
    if cell.startswith(">"):
        errors.append(f"{place} exceeds the method's range: enter the value, or leave the cell empty")
    elif value is None:
        errors.append(f"{place} is not a number; leave the cell empty if the assay is missing")
    elif value < 0 and unit_of(name) in PER_UNIT:
        errors.append(
            f"{place} is negative; write <{-value:g} for a value below the detection limit, or nothing if it is "
            "missing or the number is a code"
        )
    elif (content := _scaled(value, source.factor)) > whole:
        option = column_option(name, f"{source.column}:{'ppm' if unit_of(name) == 'pct' else 'ppb'}")
        remedy = (
            f"check the unit in {source.units[1]!r}"
            if source.units
            else f"{option}, for example, converts it from another unit"
        )
        errors.append(f"{place} is more than the whole sample; {remedy}")
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
    suspected = []
    for content in suspected_content_units({name: values for name, values in table.assays.items() if name in sources}):
        source = sources[content.column]
        remedy = f"if so, {column_option(content.column, f'{source.column}:{content.unit}')} converts them"
        if not content.unit or source.factor != 1 or source.units:
            remedy = f"check the unit of the table's column {source.column!r}"
        suspected.append(replace(content, remedy=remedy))
    depths = challenge().depths and suspected_depth_unit(*(table.identity[name] for name in DEPTHS))
    if depths:
        source = sources[DEPTHS[0]]
        remedy = f"if so, --depth-unit {depths.unit} converts them"
        if not depths.unit or source.factor != 1:
            remedy = "check the unit of the depths, --depth-unit"
        suspected.append(replace(depths, remedy=remedy))
    return suspected
