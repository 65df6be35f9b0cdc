"""Read and check assay tables, which have a row per sample with its drill hole, depths and assays."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, partial
from pathlib import Path

import numpy as np

from recore.challenge import challenge
from recore.dataset.codes import suspected_codes
from recore.dataset.columns import find_columns
from recore.dataset.grammar import Ambiguity
from recore.dataset.grammar.contents import conversion_factor
from recore.dataset.grammar.elements import mass_fraction
from recore.dataset.grammar.ids import find_id_columns
from recore.dataset.grammar.numbers import EMPTY, Marks
from recore.dataset.grammar.signs import read_sign
from recore.dataset.grammar.target_units import MAX_CONTENT, VALUES_PER_UNIT, element_of, unit_factor, unit_of
from recore.dataset.grammar.units import CONTENT_UNITS, unit_of_cell
from recore.dataset.holes import is_control_sample, note_shared_names
from recore.dataset.plausibility import SuspectedUnit, likely_unit, suspected_content_units, suspected_depth_unit
from recore.dataset.target_columns import Source, is_with_unit, tried_option, unit_in_comments
from recore.dataset.text_lines import note_on_names
from recore.dataset.text_table import TextTable, open_table, strip_empty_end
from recore.listing import count, list_names
from recore.schema import DEPTHS

MAX_CODES = 5  # columns whose codes have separate remarks
MAX_LISTED = 10  # standards, blanks and duplicates
SHOWN = 3  # errors that a message lists; it counts the others
NO_DATA = 1e30  # numbers from here on are codes of mapping programs, such as 1.70141e38

Lines = list[tuple[int, list[str]]]
Cells = list[tuple[int, str]]  # cells in one column, with their line numbers


@dataclass
class AssayTable:
    """The rows of an assay table, in order.

    identity: the ID columns, by name. assays: the columns of all targets, by name, with NaN for missing assays; an
    empty dict if the table has no target. suspected_units: columns that are probably not in the challenge's unit.
    """

    path: Path
    sample_column: str = "sample"
    samples: list[str] = field(default_factory=list)
    index: list[str] = field(default_factory=list)
    identity: dict[str, list[str] | list[float]] = field(default_factory=dict)
    assays: dict[str, list[float]] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    suspected_units: list[SuspectedUnit] = field(default_factory=list)

    @cached_property
    def rows(self) -> dict[str, int]:
        """The row number of each sample, by sample name."""
        return {sample: row for row, sample in enumerate(self.samples)}


def read_assays(
    path: Path,
    columns: Mapping[str, str] | None = None,
    depth_unit: str | None = None,
    content_unit: str | None = None,
    decimal: str | None = None,
    with_spectra: bool = False,
) -> AssayTable:
    """Read an assay table.

    columns: the columns that the user chose, by name in the challenge's schema. content_unit: the unit of assays whose
    column states no unit. decimal: "point" or "comma". with_spectra: whether columns with numeric names are channels.
    Raises ValueError, whose message contains the path and the first errors, or Ambiguity, without the path.
    """
    try:
        if path.exists() and not path.is_file():
            raise ValueError("this is not a regular file")
        chosen_columns = [*(columns or {}).values()]
        used = {*chosen_columns, *(column.rpartition(":")[0] for column in chosen_columns)} - {""}
        text_table = open_table(path, decimal, "this is not text; save the table as CSV", used)
        header, rows, errors = _read_rows(text_table, with_spectra)
        unit = content_unit or ("" if with_spectra else unit_in_comments(text_table.preamble.splitlines()))

        def cells(position: int) -> list[str]:
            return [row[position] for _, row in rows]

        sources, remarks = find_columns(header, columns or {}, cells, text_table.marks, depth_unit, unit, with_spectra)
        remarks = [f"{path}: {remark}" for remark in (*text_table.remarks, *remarks)]
        table = AssayTable(path, sources["sample"].column, remarks=remarks)
        if not errors:
            errors += _control_samples(sources, rows)
        if not errors:
            _fill(table, sources, rows, text_table.marks, errors)
        if not errors:
            table.remarks += [f"{path}: {note}" for note in _notes_on_names(table, text_table, header, sources, rows)]
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: there is no such file") from None
    except Ambiguity:
        raise
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    if errors:
        more = f"; and {count(len(errors) - SHOWN, 'more error')}" if len(errors) > SHOWN else ""
        raise ValueError(f"{path}: {'; '.join(errors[:SHOWN])}{more}")
    table.suspected_units = _suspected_units(table, sources)
    return table


def _read_rows(text_table: TextTable, with_spectra: bool) -> tuple[dict[int, str], Lines, list[str]]:
    """Return the column names by position, the rows, and the errors. Channels have no names, and their cells are empty.

    Raises ValueError if the table has only a header.
    """
    lines = text_table.lines()
    _, names = next(lines)
    names = strip_empty_end(names, 0)
    header = dict(enumerate(names))
    if with_spectra:
        header = {position: name for position, name in header.items() if text_table.channel(name) is None}
    rows: Lines = []
    errors: list[str] = []
    for line, cells in lines:
        cells = strip_empty_end(cells, len(names))
        if len(cells) != len(names):
            errors.append(f"line {line} has {count(len(cells), 'cell')}, but the header has {len(names)}")
        else:
            # spectra are read separately
            rows.append((line, [cell if position in header else "" for position, cell in enumerate(cells)]))
    if not rows and not errors:
        raise ValueError("the table has a header but no samples")
    return header, rows, errors


def holds_assays(path: Path) -> bool:
    """Return whether a file is a table of spectra that also contains drill holes, depths or assays."""
    ids = challenge().ids
    try:
        text_table = open_table(path, "point")  # the decimal mark does not matter for the header
        _, header = next(text_table.lines())
    except (ValueError, OSError):  # the reader of spectra reports the error
        return False
    others = {position: name for position, name in enumerate(header) if text_table.channel(name) is None}
    has_ids = all(find_id_columns(column, others) for column in ids)
    return len(header) - len(others) > 1 and (has_ids or not {*ids, *challenge().targets}.isdisjoint(header))


def _fill(table: AssayTable, sources: Mapping[str, Source], rows: Lines, marks: Marks, errors: list[str]) -> None:
    targets = challenge().targets
    group = challenge().group
    cells_of = {name: _cells(source, rows, errors) for name, source in sources.items()}
    table.samples = _names(cells_of["sample"], "sample", errors)
    table.index = _names(cells_of["index"], "index", errors) if "index" in sources else table.samples
    above = ""
    for line, cell in cells_of[group]:
        if cell in EMPTY:
            fix = "; if spreadsheet cells are merged, unmerge them and fill each" if above and not errors else ""
            errors.append(f"line {line}, {group}: {_invalid_name(cell)}{fix}")
        above = cell
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
            suggest_fix = cache(partial(_fix_above_maximum, name, source, cells, marks))
            table.assays[name] = [
                _assay(name, of_line, line, cell, suggest_fix, marks, errors, limits)
                for of_line, (line, cell) in zip(by_line, cells, strict=True)
            ]
    if limits:
        examples = ", ".join(limits[:SHOWN]) + (", ..." if len(limits) > SHOWN else "")
        table.remarks.append(
            f"{table.path}: {count(len(limits), 'assay')} below the detection limit, set to half the limit: {examples}"
        )
    numbers = {
        name: np.array([marks.parse(cell) for _, cell in cells_of[name]], dtype=float)  # None becomes NaN
        for name in sources
        if name in (*DEPTHS, *targets)
    }
    # a depth of 0 is common
    codes = [code for code in suspected_codes(numbers) if code.value or code.column not in DEPTHS]
    for code in codes[:MAX_CODES]:
        lines = list_names([str(rows[row][0]) for row in code.rows], SHOWN)
        table.remarks.append(f"{table.path}: {code.message} (lines {lines})")
    if len(codes) > MAX_CODES:
        columns = list_names([code.column for code in codes[MAX_CODES:]], SHOWN)
        table.remarks.append(f"{table.path}: numbers in {columns} may also be codes")


def _control_samples(sources: Mapping[str, Source], rows: Lines) -> list[str]:
    """Return an error that lists standards, blanks and duplicates if one of them has no drill hole."""
    sample, group = sources["sample"].position, sources[challenge().group].position
    named = [(line, cells) for line, cells in rows if is_control_sample(cells[sample])]
    if all(cells[group] for _, cells in named):
        return []
    listed = list_names([f"{cells[sample][:40]!r} on line {line}" for line, cells in named], MAX_LISTED)
    return [f"standards, blanks and duplicates are not samples of a {challenge().group_name}; remove {listed}"]


def _notes_on_names(
    table: AssayTable, text_table: TextTable, header: Mapping[int, str], sources: Mapping[str, Source], rows: Lines
) -> Iterator[str]:
    """Yield notes on names that may be wrong. Raises ValueError if one is garbled."""
    strings = (table.identity[name] for name in challenge().sample_ids if name not in challenge().depths)
    names = [*table.samples, *table.index, *(str(cell) for cells in strings for cell in cells)]
    if note := note_on_names(names, text_table.encoding):
        yield note
    used = {source.position for source in sources.values()}
    others = {name: [cells[position] for _, cells in rows] for position, name in header.items() if position not in used}
    depths = [table.identity[name] for name in challenge().depths]
    yield from note_shared_names([*map(str, table.identity[challenge().group])], [*zip(*depths, strict=True)], others)


def _cells(source: Source, rows: Lines, errors: list[str]) -> Cells:
    """Return the cells of a column. If another column contains their signs, prepend these to the cells, as in <5."""
    if source.signs is None:
        return [(line, cells[source.position]) for line, cells in rows]
    position, name = source.signs
    signed: Cells = []
    for line, cells in rows:
        sign, cell = read_sign(cells[position], name), cells[source.position]
        if sign is None:
            errors.append(
                f"line {line}, {name[:40]}: {cells[position][:40]!r} is not a known sign for {source.column[:40]!r}; "
                "write < for below the detection limit, > for over-range, or nothing for a measured value"
            )
        signed.append((line, cell if not sign or cell in EMPTY or cell.startswith(sign) else sign + cell))
    return signed


def _sources_by_line(target: str, source: Source, rows: Lines, errors: list[str]) -> list[Source | None]:
    """Return the source for each line, with the line's unit if a column states units, or None for an invalid unit."""
    if source.units is None:
        return [source] * len(rows)
    position, name = source.units
    by_cell: dict[str, Source | None] = {}
    for cell in {cells[position] for _, cells in rows}:
        unit = unit_of_cell(cell)
        is_valid = unit_factor(target, unit) is not None and source.unit in ("", unit)
        conversion = conversion_factor(target, source.formula or element_of(target), unit) if is_valid else 0
        by_cell[cell] = replace(source, unit=unit, factor=conversion) if is_valid else None
    reason = f"but {source.column[:40]!r} states {source.unit}" if source.unit else "which is not a unit by mass"
    for line, cells in rows:
        cell = cells[position]
        if by_cell[cell] is None and cells[source.position] not in EMPTY:
            problem = f"the unit is {cell[:40]!r}, {reason}" if cell else "the unit is missing"
            errors.append(f"line {line}, {name[:40]}: {problem}; write ppm or %")
    return [by_cell[cells[position]] for _, cells in rows]


def _names(cells: Cells, column: str, errors: list[str]) -> list[str]:
    first_line: dict[str, int] = {}
    for line, cell in cells:
        if cell in EMPTY:
            errors.append(f"line {line}, {column}: {_invalid_name(cell)}")
        elif cell in first_line:
            errors.append(f"line {line}, {column}: {cell[:60]!r} is already on line {first_line[cell]}")
        first_line.setdefault(cell, line)
    return [cell for _, cell in cells]


def _invalid_name(cell: str) -> str:
    return f"{cell!r} is not a name" if cell else "the cell is empty"


def _depths(cells: Cells, column: str, factor: float, marks: Marks, errors: list[str]) -> list[float]:
    depths = []
    for line, cell in cells:
        depth = marks.parse(cell)
        if depth is None:
            errors.append(f"line {line}, {column}: {cell[:40]!r} is not a number")
        depths.append(np.nan if depth is None else _scale(depth, factor))
    return depths


def _assay(
    name: str,
    source: Source | None,
    line: int,
    cell: str,
    suggest_fix: Callable[[], str],
    marks: Marks,
    errors: list[str],
    limits: list[str],
) -> float:
    """Return a cell's assay in the target's unit, or NaN. suggest_fix: returns the fix for contents above 100%."""
    if cell in EMPTY or not source:
        return np.nan
    value = marks.parse(cell.replace("<=", "<").removeprefix("<").strip())
    location = f"line {line}, {name}: {cell[:40]!r}"
    if cell.startswith(">"):
        errors.append(f"{location} exceeds the method's range; enter the value, or leave the cell empty")
    elif value is None:
        fix = "leave the cell empty if the assay is missing"
        if is_with_unit(cell):
            fix = "remove the unit, convert the values to one unit, and state it in the name of the column"
        errors.append(f"{location} is not a number; {fix}")
    elif value < 0 and unit_of(name) in VALUES_PER_UNIT:
        errors.append(
            f"{location} is negative; write <{-value:g} for a value below the detection limit, or nothing if it is "
            "missing or the number is a code"
        )
    elif abs(value) >= NO_DATA:
        errors.append(f"{location} is a code of a program for no data; leave the cell empty")
    elif (content := _scale(value, source.factor)) > (MAX_CONTENT[unit_of(name)] if element_of(name) else np.inf):
        errors.append(f"{location} is more than 100% of the sample; {suggest_fix()}")
    elif cell.startswith("<"):
        limits.append(f"line {line}, {name} {cell}")
        return content / 2
    else:
        return content
    return np.nan


def _fix_above_maximum(name: str, source: Source | None, cells: Cells, marks: Marks) -> str:
    """Return the fix for contents above 100%: the unit in which most of the column's numbers are plausible."""
    if not source or source.units:
        return f"check the unit in {source.units[1]!r}" if source and source.units else ""
    numbers = [marks.parse(cell.lstrip("<>= ")) for _, cell in cells]
    values = [number for number in numbers if number is not None and 0 < number < NO_DATA]
    share = mass_fraction(element_of(name), source.formula or element_of(name))
    unit = likely_unit(name, values, source.unit or unit_of(name), share)
    if unit and (option := tried_option(name, source.column, unit)):
        return f"{option}, for example, converts it from a different unit"
    return "correct the value, or leave the cell empty if it is a code"


def _scale(value: float, factor: float) -> float:
    """Convert a value, and round it so that 5.3 g/kg becomes 5300 mg/kg and not 5300.000000000001."""
    return value if factor == 1 else float(f"{value * factor:.12g}")


def _suspected_units(table: AssayTable, sources: Mapping[str, Source]) -> list[SuspectedUnit]:
    suspected = []
    assays = {name: values for name, values in table.assays.items() if name in sources}
    for content in suspected_content_units(assays, {name: sources[name].unit for name in assays}):
        names = content.column.split(", ")
        source = sources[names[0]]
        # the factor applies to the values in the target's unit, and the option to those in the column's unit
        size = CONTENT_UNITS[source.unit or unit_of(names[0])] * (content.factor or 0)
        unit = next((unit for unit in CONTENT_UNITS if np.isclose(CONTENT_UNITS[unit], size)), "")
        is_clear = unit and not source.units
        option = is_clear and tried_option(names[0], source.column, unit)
        fix = f"check the unit of the table's column {source.column!r}"
        if option:
            fix = (
                f"if so, {option} converts them"
                if len(names) == 1
                else f"if so, {option} converts the first column, and each needs such an option"
            )
        suspected.append(replace(content, fix=fix))
    depths = challenge().depths and suspected_depth_unit(*(table.identity[name] for name in DEPTHS))
    if depths:
        source = sources[DEPTHS[0]]
        fix = f"if so, --depth-unit {depths.unit} converts them"
        if not depths.unit or source.factor != 1:
            fix = "check the unit of the depths, --depth-unit"
        suspected.append(replace(depths, fix=fix))
    return suspected
