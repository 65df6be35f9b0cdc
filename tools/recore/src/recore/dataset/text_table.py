"""Read text tables from instruments, laboratories, R, pandas and Excel, with any delimiter and decimal mark.

Lines above the header (a title, comments after #) are the preamble; if they contradict the header, it takes precedence.
"""

import csv
import itertools
import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from recore.dataset.formats import reject_factor, reject_format
from recore.dataset.grammar import Ambiguity, normalise_number
from recore.dataset.grammar.axis import ChannelName, channel_prefixes, mentions_axis, parse_channel, split_prefix
from recore.dataset.grammar.contents import continues_header, parse_assay_header
from recore.dataset.grammar.ids import find_id_columns, rank_sample_name
from recore.dataset.grammar.numbers import CHANNEL, DECIMALS, OPTIONS, Evidence, Marks, decide_marks, possible_marks
from recore.dataset.text_lines import MAX_SKIPPED, detect_encoding, numbered_lines
from recore.file_kinds import REPEATED_HEADER
from recore.schema import DEPTHS

DELIMITERS = ("\t", ";", "|", ",")
MAX_CELL = 32_767  # characters, as in Excel
LONG_CELL = f"a cell has more than {MAX_CELL:,} characters; shorten or remove it"
HEAD = 200  # lines that determine the layout of a table
MARK_LINES = 10_000  # lines that determine the decimal mark, unless it stays ambiguous
SEPARATOR = "sep="  # a first line only for Excel
SHOWN = 60  # characters of a title
QUOTED_LINE = re.compile(r'"((?:[^"]|"")*)"[\t;|,\s]*')
SECOND_HEADER = "is a second header, as if the file contained two tables; join them into one"

Lines = Iterator[tuple[int, list[str]]]


@dataclass(frozen=True)
class TextTable:
    """A text table.

    width: the number of cells per line. first: the number of the table's first line. has_row_names: whether the header
    has no name for the first column, as in R. preamble: the lines above the header. units: the line number and cells
    of a row of units below the header. name_marks, prefixes: the decimal marks and prefixes of channel names.
    """

    path: Path
    encoding: str
    delimiter: str | None
    width: int
    first: int
    has_row_names: bool = False
    preamble: str = ""
    marks: Marks = field(default_factory=Marks)
    name_marks: Marks = field(default_factory=Marks)
    prefixes: tuple[str, ...] = ()
    units: tuple[int, list[str]] = field(default=(0, []))
    remarks: tuple[str, ...] = ()

    def channel(self, name: str) -> ChannelName | None:
        """Parse the name of a column. Return None if it is not a channel."""
        return parse_channel(name, self.name_marks, self.prefixes)

    def lines(self) -> Lines:
        """Yield the number and the stripped cells of each non-empty line, beginning with the header.

        Raises ValueError if a line cannot be read or repeats the header, or if too many lines are empty.
        """
        names: set[str] | None = None
        first_name: str | None = None
        empty = 0
        for number, line in numbered_lines(self.path, self.encoding):
            if number < self.first:
                continue
            cells = split_line(number, line, self.delimiter)
            if not any(cells):
                empty += 1
                if empty > MAX_SKIPPED:
                    raise ValueError(f"line {number}: more than {MAX_SKIPPED:,} lines have only empty cells")
                continue
            if number == self.units[0]:
                continue
            if names is None:
                names, cells = _names_to_repeat(cells), self._full_header(cells)
                first_name = cells[0].casefold() or None
            elif _repeats(names, cells):
                raise ValueError(f"line {number} {REPEATED_HEADER}")
            elif names and cells[0].casefold() == first_name and not any(map(possible_marks, filter(None, cells))):
                raise ValueError(f"line {number} {SECOND_HEADER}")
            yield number, strip_empty_end(cells, self.width)

    def _full_header(self, names: list[str]) -> list[str]:
        """Return the header with a name for each column, including its unit if the row below the header has one."""
        names = ["", *names] if self.has_row_names else names
        unit_cells = dict(enumerate(self.units[1]))
        return [
            f"{name} ({unit})" if (unit := position and unit_cells.get(position)) else name
            for position, name in enumerate(names)
        ]


def open_table(
    path: Path, decimal: str | None = None, reason: str = "this is not text", used: Collection[str] = ()
) -> TextTable:
    """Return a text file as a table, with its layout and its decimal mark detected.

    decimal: "point" or "comma", for ambiguous numbers. reason: the message for an unknown format. used: names of
    more columns in which to look for the decimal mark. Raises ValueError if the file is not a text table, and
    Ambiguity if its decimal mark is ambiguous or its format is not supported.
    """
    encoding = detect_encoding(path, reason)
    head = _first_lines(path, encoding)
    if head and head[0][1].strip().strip('"').lower().startswith(SEPARATOR):
        head = head[1:]
    if not head:
        raise ValueError("the file is empty")
    quoted = [QUOTED_LINE.fullmatch(line) for _, line in head[1:]]
    if quoted and all(cell and set(cell[1]).intersection(DELIMITERS) for cell in quoted):
        raise ValueError(f"each line, such as line {head[1][0]}, is one quoted cell; remove the outer quotation marks")
    reject_format("\n".join(line.rstrip() for _, line in head))
    table = _find_layout(path, encoding, head)
    reject_factor(table.preamble)
    return _detect_marks(table, decimal, used)


def _first_lines(path: Path, encoding: str) -> list[tuple[int, str]]:
    """Return the first lines with their numbers: comments, and the other lines that determine the layout."""
    lines, others = [], 0
    for number, line in numbered_lines(path, encoding):
        lines.append((number, line))
        others += not line.startswith("#")
        if others == HEAD:
            break
        if len(lines) > MAX_SKIPPED:
            raise ValueError(f"line {number}: more than {MAX_SKIPPED:,} lines are empty or comments")
    return lines


def split_line(number: int, line: str, delimiter: str | None) -> list[str]:
    """Split a line into stripped cells, at white space if `delimiter` is None.

    Raises ValueError for an invalid line.
    """
    cells = _split(number, line, delimiter)
    if len(line) > MAX_CELL and max(map(len, cells), default=0) > MAX_CELL:
        raise ValueError(f"line {number}: {LONG_CELL}")
    return cells if line.isascii() else [normalise_number(cell) for cell in cells]


def _split(number: int, line: str, delimiter: str | None) -> list[str]:
    quoted = '"' in line
    if delimiter is None:
        if not quoted:
            return line.split()
        line, delimiter = " ".join(line.split()), " "
    elif not quoted:
        return [cell.strip() for cell in line.split(delimiter)]
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter, strict=True))]
    except csv.Error as error:
        reason = str(error)
        if "unexpected end" in reason:
            reason = "the quotation marks of a cell are not closed"
        elif "field limit" in reason:
            reason = LONG_CELL
        raise ValueError(f"line {number}: {reason}") from None


def _names_to_repeat(header: list[str]) -> set[str]:
    """Return a header's names in lower case, or an empty set if all are numbers, which data rows may also contain."""
    names = {name.casefold() for name in header if name}
    return set() if all(map(possible_marks, names)) else names


def _repeats(names: set[str], cells: list[str]) -> bool:
    may_repeat = not cells[0] or cells[0].casefold() in names  # true for few lines
    return may_repeat and names.issuperset(cell.casefold() for cell in cells if cell)


def strip_empty_end(cells: list[str], width: int) -> list[str]:
    """Remove the trailing empty cells that spreadsheets write beyond this width."""
    end = len(cells)
    while end > width and not cells[end - 1]:
        end -= 1
    return cells[:end]


def _find_layout(path: Path, encoding: str, head: list[tuple[int, str]]) -> TextTable:
    body = [line for _, line in head if not line.startswith("#")] or [line for _, line in head]
    delimiter = _find_delimiter(body[len(body) // 2 :])
    rows = [(number, _split_leniently(number, line, delimiter)) for number, line in head]
    rows = [(number, cells) for number, cells in rows if any(cells)]
    if not rows:
        raise ValueError("the file is empty")
    lengths = [len(cells) for _, cells in rows if not cells[0].startswith("#")] or [len(cells) for _, cells in rows]
    usual_width = Counter(lengths[len(lengths) // 2 :]).most_common(1)[0][0]
    width = max(len(strip_empty_end(cells, 0)) for _, cells in rows if len(cells) == usual_width)
    start = titles = 0
    while start < len(rows) - 1 and (kind := _preamble_kind([cells for _, cells in rows[start : start + 2]], width)):
        titles += kind == "title"
        start += 1
    preamble = [line[:MAX_CELL].lstrip("# ").strip() for number, line in head if number < rows[start][0]]
    remarks: tuple[str, ...] = ()
    if titles:
        above = rows[start - 1][0]
        remarks = (f"line {above} is a title above the header, not part of the table: {preamble[-1][:SHOWN]!r}",)
    number, header = rows[start]
    names = strip_empty_end(header, 0)
    has_row_names = width >= 3 and len(names) == width - 1 and all(names) and start < len(rows) - 1
    if has_row_names and not CHANNEL.fullmatch(names[0]) and not mentions_axis(names[0]):
        second = [cells[1] for _, cells in rows[start + 1 :] if len(cells) == width]
        if any(DECIMALS.fullmatch(cell) for cell in second):
            raise ValueError(f"line {number} has {width - 1} names for {width} columns")
    return TextTable(path, encoding, delimiter, width, number, has_row_names, "\n".join(preamble), remarks=remarks)


def _split_leniently(number: int, line: str, delimiter: str | None) -> list[str]:
    """Split a line into cells; quotation marks need not match in comments."""
    try:
        return split_line(number, line, delimiter)
    except ValueError:
        if not line.startswith("#"):
            raise
        return [cell.strip() for cell in line.split(delimiter)]


def _preamble_kind(rows: list[list[str]], width: int) -> str:
    """Return "comment" or "title" for a line above the header, or "" if the table begins with this line.

    rows: the cells of the line and of the next one.
    """
    cells, following = rows
    filled = [cell for cell in cells if cell]
    numbers = [bool(possible_marks(cell)) for cell in filled]
    if cells[0].startswith("#"):
        # a header can begin with #, the name of a column of numbers
        is_header = width >= 3 and len(filled) == width and any(map(possible_marks, following))
        return "" if is_header else "comment"
    if any(numbers[:1]) or sum(numbers) > 1 or width < 2:
        return ""
    if len(filled) == 1 or len(filled) < width - 1 or (width == 2 and len(filled) > 2):
        names = sum(rank_sample_name(cell) is not None or _contains_numbers(cell) for cell in filled)
        return "" if width > 2 and names > 1 else "title"
    if width > 2 or (mentions_axis(cells[0]) and not any(numbers)):
        return ""
    # settings above a spectrum of two columns, with or without a header
    return "title" if any(numbers) or not possible_marks(following[0]) else ""


def _find_delimiter(lines: list[str]) -> str | None:
    """Return the first of tab, semicolon, vertical bar and comma that most lines contain, or None for white space."""
    for delimiter in DELIMITERS:
        if sum(delimiter in line for line in lines) * 2 > len(lines):
            if delimiter == "," and all(_has_decimal_commas(line) for line in lines if delimiter in line):
                return None
            return delimiter
    return None


def _has_decimal_commas(line: str) -> bool:
    cells = line.split()
    return len(cells) > 1 and all(map(possible_marks, cells)) and not any(cell.endswith(",") for cell in cells)


def _detect_marks(table: TextTable, decimal: str | None, used: Collection[str]) -> TextTable:
    """Detect the decimal and thousands marks of a table, and return the table with them.

    Only columns of numbers count, because dots and commas in sample names and software versions are not decimal marks.
    """
    lines = table.lines()
    first = next(lines)
    second = next(lines, None)
    if second and table.width > 2 and continues_header(second[1]):
        table = replace(table, units=second)
        lines = table.lines()
        first = next(lines)
    elif second:
        lines = itertools.chain([second], lines)
    names, cells = Evidence(), Evidence()
    prefixes = channel_prefixes(first[1])
    unprefixed = [split_prefix(name, prefixes)[1] for name in first[1]]
    for name in unprefixed:
        if match := CHANNEL.fullmatch(name):
            names.add(first[0], 0, match["number"].strip())
    positions = {
        position for position, name in enumerate(unprefixed) if first[1][position] in used or _contains_numbers(name)
    }
    if table.width == 2:
        positions = {0, 1}
        if all(map(possible_marks, first[1])):  # there is no header
            cells.add_line(*first)
    for count, (number, line) in enumerate(lines):
        if count > MARK_LINES and (table.delimiter == "," or cells.is_decided()):
            break  # later cells must have these marks, or they are not numbers
        cells.add_line(number, line, positions or None)
    try:
        name_marks, marks = decide_marks(names, cells, table.delimiter)
    except Ambiguity:
        if decimal is None:
            raise
        marks = Marks(OPTIONS[decimal])
        name_marks = names.decide() or marks
    return replace(table, name_marks=name_marks, marks=marks, prefixes=prefixes)


def _contains_numbers(name: str) -> bool:
    if CHANNEL.fullmatch(name) or parse_assay_header(name).formulas:
        return True
    return any(find_id_columns(depth, {0: name}) for depth in DEPTHS)
