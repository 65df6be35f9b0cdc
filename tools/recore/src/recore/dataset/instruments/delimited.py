"""Read spectra from text: a file of two columns, wavenumber and value, or a table with one spectrum per line."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recore.challenge import challenge
from recore.dataset.formats import reject_factor
from recore.dataset.grammar import Ambiguity
from recore.dataset.grammar.axis import (
    ChannelName,
    axis_unit,
    axis_unit_of_comments,
    is_numeric,
    mentions_axis,
    wavelength_unit,
)
from recore.dataset.grammar.ids import find_id_columns, find_sample_column, is_statistic, rank_sample_name
from recore.dataset.grammar.quantity import stated_quantity
from recore.dataset.grammar.units import DEPTH_UNITS, depth_unit_in
from recore.dataset.instruments.reading_options import ReadingOptions
from recore.dataset.instruments.spectrum import MeasuredSpectrum, Problem, to_wavenumbers
from recore.dataset.instruments.table_layout import check_layout, is_axis, reject_columns, reject_pairs
from recore.dataset.text_lines import note_on_names
from recore.dataset.text_table import Lines, TextTable, open_table
from recore.listing import count, list_names
from recore.schema import DEPTHS

SHOWN = 5  # columns that a message lists
PREVIEW = 50  # lines that show the contents of a table's columns
MIN_CHANNELS = 7  # in a header without a column of samples; with fewer, the file is a single spectrum
MAX_CHANNELS = 100_000  # in a spectrum: columns in a table, or lines in a file of two columns


def read(path: Path, sample: str, replicate: str, reading: ReadingOptions) -> Iterator[MeasuredSpectrum | Problem]:
    """Yield the spectra in a text file, and a problem for each table line that has no valid spectrum.

    A file of two columns is the spectrum of `sample`; a file of more columns is a table with a header of wavenumbers,
    in which several lines for one sample are replicates. Raises ValueError or Ambiguity for other files.
    """
    table = open_table(path, reading.decimal, "this is neither a Bruker OPUS file nor text")
    lines = table.lines()
    first = next(lines)
    if len(first[1]) == 3 and not first[1][0] and mentions_axis(first[1][1]):  # R and pandas number the lines
        first, lines = (first[0], first[1][1:]), ((number, cells[1:]) for number, cells in lines)
    if len(first[1]) == 2:
        try:
            yield _two_columns(table, sample, replicate, itertools.chain([first], lines), reading)
        except Ambiguity:
            raise
        except ValueError as error:
            yield Problem.from_error(str(path), error, sample)
    elif len(first[1]) > 2:
        yield from _table(table, first, lines, reading)
    else:
        raise ValueError(f"line {first[0]}: two columns (wavenumber, value) or a table of spectra is required")


def _two_columns(
    table: TextTable, sample: str, replicate: str, lines: Lines, reading: ReadingOptions
) -> MeasuredSpectrum:
    header, x, y = ["", ""], list[float](), list[float]()
    for position, (line, cells) in enumerate(lines):
        numbers = [table.marks.parse(cell) for cell in cells]
        # the second cell can be a sample, or 0, as pandas calls an unnamed series
        is_header = numbers[0] is None and (numbers[-1] is None or mentions_axis(cells[0]) or not cells[0])
        if position == 0 and is_header:
            header = cells
            continue
        if len(numbers) != 2 or numbers[0] is None or numbers[1] is None:
            raise ValueError(f"line {line}: {' '.join(cells)[:40]!r} is not two numbers, wavenumber and value")
        if len(x) == MAX_CHANNELS:
            raise ValueError(f"line {line}: a spectrum has at most {MAX_CHANNELS:,} lines of two numbers")
        x.append(numbers[0])
        y.append(numbers[1])
    if not x:
        raise ValueError("no line contains two numbers, wavenumber and value")
    if mentions_axis(header[1]) and not mentions_axis(header[0]):
        raise Ambiguity("layout", f"the second column, {header[1][:40]!r}, contains the axis; swap the columns")
    unit = _stated_unit(header[0], x, table, reading, is_header=True)
    quantity = _stated_quantity([header[1], header[0]], table, reading)
    return MeasuredSpectrum(str(table.path), sample, replicate, np.array(x), np.array(y), unit, quantity, table.remarks)


def _stated_unit(
    header: str, numbers: list[float], table: TextTable, reading: ReadingOptions, is_header: bool = False
) -> str:
    """Return the unit stated in a header, otherwise above it, or "". is_header: whether it is the axis's header."""

    def read() -> str:
        return axis_unit(header, numbers, is_header) or axis_unit_of_comments(table.preamble, numbers)

    return _resolve(reading.unit, read)


def _stated_quantity(headers: list[str], table: TextTable, reading: ReadingOptions) -> str:
    """Return the quantity stated in one of the headers, otherwise in the lines above them, or "" if none is stated.

    Raises Ambiguity if a header states a factor.
    """
    reject_factor("\n".join(headers))

    def read() -> str:
        stated = (quantity for header in headers if (quantity := stated_quantity(header)))
        return next(stated, "") or stated_quantity(table.preamble, is_header=False)

    return _resolve(reading.convert, read)


def _quantity_in_name(sample: str, reading: ReadingOptions) -> str:
    """Return the quantity stated in the name of a line, as in a transposed table. Single letters are ignored."""
    return _resolve(reading.convert, lambda: stated_quantity(sample, is_header=False) if len(sample) > 1 else "")


def _resolve(option: str | None, read: Callable[[], str]) -> str:
    """Return the result of `read`, or "" if it raises an Ambiguity that the user's option resolves."""
    try:
        return read()
    except Ambiguity:
        if not option:
            raise
    return ""


@dataclass(frozen=True)
class _Columns:
    """The columns of a table of spectra: the position of the sample names, and the channels and IDs by position."""

    names: list[str]
    sample: int
    axis: dict[int, ChannelName]
    remarks: tuple[str, ...]
    ids: dict[int, str]


def _table(
    table: TextTable, header: tuple[int, list[str]], lines: Lines, reading: ReadingOptions
) -> Iterator[MeasuredSpectrum | Problem]:
    first = list(itertools.islice(lines, PREVIEW))
    columns = _find_columns(table, header, [cells for _, cells in first], reading)
    units = sorted({channel.unit for channel in columns.axis.values()})
    if len(units) > 1:
        unit_names = " or ".join(filter(None, units))
        others = ", others none" if "" in units else ""
        raise Ambiguity("unit", f"some names of channels state the unit {unit_names}{others}; write it in all names")
    kinds = sorted({channel.words for channel in columns.axis.values()})
    if len(kinds) > 1:
        raise ValueError(
            f"the names of the channels are of several kinds, {', '.join(map(repr, kinds))}; keep one kind"
        )
    in_schema = {*challenge().ids} <= {*columns.names}
    name = columns.names[columns.sample]
    numbers = [channel.number for channel in columns.axis.values()]
    unit = units[0] or wavelength_unit(kinds[0], numbers)
    unit = unit or ("cm-1" if in_schema else _stated_unit(f"{kinds[0]} {name}", numbers, table, reading))
    quantity = _stated_quantity([kinds[0], name], table, reading)
    x, names = np.array(numbers), columns.names
    to_wavenumbers(x, unit, reading.unit, [], in_schema)  # raises once for the axis, not for each line
    last_replicate: dict[str, int] = {}
    for line, cells in itertools.chain(first, lines):
        location = f"{table.path} line {line}"
        if len(cells) != len(names):
            yield Problem(location, f"the line has {count(len(cells), 'cell')}, but the header has {len(names)}")
            continue
        sample, ids = cells[columns.sample], _read_ids(columns, cells, table)
        note_on_names([sample, *ids.values()], table.encoding)
        values = {position: table.marks.parse(cells[position]) for position in columns.axis}
        invalid = next((position for position, value in values.items() if value is None), None)
        if not sample:
            yield Problem(location, f"column {names[columns.sample]!r}: the cell is empty")
        elif not in_schema and is_statistic(sample):
            yield Problem(location, f"{sample[:40]!r} is a statistic of samples, not a sample; remove the line")
        elif (kind := _kind_of_axis(sample, name)) and is_axis([cells[at] for at in columns.axis], table.marks):
            yield Problem(location, f"the line {sample[:40]!r} is {kind}; remove it", "layout")
        elif invalid is not None:
            reason = f"column {names[invalid]!r}: {cells[invalid][:40]!r} is not a number"
            yield Problem(location, reason, sample=sample, ids=ids)
        else:
            replicate = last_replicate[sample] = last_replicate.get(sample, -1) + 1
            y = np.array(list(values.values()), dtype=float)
            quantity_of_line = quantity or ("" if in_schema else _quantity_in_name(sample, reading))
            yield MeasuredSpectrum(
                location, sample, str(replicate), x, y, unit, quantity_of_line, columns.remarks, in_schema, ids
            )
    if not first:
        raise ValueError("the table has a header but no spectra")


def _kind_of_axis(sample: str, name: str) -> str:
    """Describe a line of monotonic numbers if its first cell belongs to an axis or header; otherwise, return ""."""
    if mentions_axis(sample):
        return "a second axis"
    is_header = sample.lower() == name.lower() or rank_sample_name(sample) is not None
    return "a header with other channels, as if two files were joined" if is_header else ""


def _find_columns(
    table: TextTable, header: tuple[int, list[str]], rows: list[list[str]], reading: ReadingOptions
) -> _Columns:
    line, names = header
    if len(names) > MAX_CHANNELS:
        raise ValueError(f"line {line} has {len(names):,} columns; at most {MAX_CHANNELS:,} are read")
    rows = [cells for cells in rows if len(cells) == len(names)]
    axis = {position: channel for position, name in enumerate(names) if (channel := table.channel(name))}
    if reading.sample is not None:
        if reading.sample not in names:
            raise ValueError(f"--sample {reading.sample}: line {line} has no such column")
        axis.pop(names.index(reading.sample), None)
    if len(axis) == len(names):
        reject_pairs(table, line, [names, *rows])
        if len(names) >= MIN_CHANNELS:
            raise ValueError(f"line {line}: the column of samples or the header is missing")
        raise ValueError(
            f"line {line} has only numbers; a table of spectra needs a header and a column of samples, and a "
            "single spectrum needs two columns, wavenumber and value"
        )
    if len(axis) < 2:
        reject_columns(table, line, names, rows)
    check_layout(table, names, axis, rows, reading)
    for position, name in enumerate(names):
        if position not in axis and is_numeric(name) and name != reading.sample:
            if (original := name.rpartition(".")[0]) in names:
                raise ValueError(f"line {line}: {name[:40]!r} repeats the channel {original[:40]!r}; keep one of them")
            raise ValueError(f"line {line}: the name {name[:40]!r} is not a number, unlike the other names of channels")
    others = {position: name for position, name in enumerate(names) if position not in axis}
    for position, name in others.items():
        if not name and position > 0 and any(cells[position] for cells in rows):
            raise ValueError(f"line {line}: column {position + 1} has no name")
    remarks = list(table.remarks)
    if table.prefixes:
        remarks.append(f"the names of the channels begin with {table.prefixes[0]!r}")
    if reading.sample is not None:
        sample = names.index(reading.sample)
    else:
        candidates = {
            position: name for position, name in others.items() if name not in (*challenge().ids, *challenge().targets)
        }
        sample = find_sample_column(candidates or others, lambda position: [cells[position] for cells in rows])
        if sample != min(others):
            remarks.append(f"the column {names[sample]!r} contains the sample names")
    if note := note_on_names((cells[sample] for cells in rows), table.encoding):
        remarks.append(note)
    ignored = [name[:40] or "(without a name)" for position, name in others.items() if position != sample]
    if ignored and reading.only_spectra:
        remarks.append(f"columns that are not wavenumbers were ignored: {list_names(ignored, SHOWN)}")
    return _Columns(names, sample, axis, tuple(remarks), _find_ids(others, reading.id_columns))


def _find_ids(columns: dict[int, str], id_columns: Mapping[str, str]) -> dict[int, str]:
    """Return the IDs by column position, except IDs for which several columns fit.

    id_columns: the columns that the user specified. Raises ValueError if a chosen column is missing.
    """
    ids: dict[int, str] = {}
    for name in challenge().ids:
        positions = find_id_columns(name, columns)
        if name in id_columns:
            positions = [position for position, column in columns.items() if column == id_columns[name]]
            if not positions:
                raise ValueError(f"--column {name}={id_columns[name]}: the table has no such column")
        ids.update((position, name) for position in positions if len(positions) == 1)
    return ids


def _read_ids(columns: _Columns, cells: list[str], table: TextTable) -> dict[str, str]:
    """Return the IDs in a line, by their names in the challenge's schema. Depths are converted to metres."""
    ids = {}
    for position, name in columns.ids.items():
        factor = DEPTH_UNITS[depth_unit_in(columns.names[position]) or "m"] if name in DEPTHS else 1.0
        depth = table.marks.parse(cells[position]) if name in DEPTHS else None
        ids[name] = cells[position] if depth is None else f"{depth * factor:.12g}"
    return ids
