"""Text tables as instruments, laboratories, R, pandas and Excel write them, whatever their delimiter and marks.

Lines above the header (a title, comments after #) are the preamble; a header overrides what they say.
"""

import csv
import itertools
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from recore.dataset.formats import refuse_factor, refuse_format
from recore.dataset.grammar import Question, plain_number
from recore.dataset.grammar.axis import ChannelName, channel_prefixes, names_axis, parse_channel, split_prefix
from recore.dataset.grammar.contents import continues_header, read_contents
from recore.dataset.grammar.ids import find_id_columns, rank_sample_name
from recore.dataset.grammar.numbers import CHANNEL, DECIMALS, OPTIONS, Evidence, Marks, decide_marks, possible_marks
from recore.dataset.text_lines import MOST_SKIPPED, check_text, numbered_lines
from recore.file_kinds import REPEATED_HEADER
from recore.schema import DEPTHS

DELIMITERS = ("\t", ";", "|", ",")
MAX_CELL = 32_767  # characters, as in Excel
TOO_LONG = f"a cell has more than {MAX_CELL:,} characters; shorten or remove it"
HEAD = 200  # lines that decide how a table is laid out
MOST_LINES = 10_000  # that decide on the decimal mark, unless they leave it open
SEPARATOR = "sep="  # a first line for Excel alone
SHOWN = 60  # characters of a title

Lines = Iterator[tuple[int, list[str]]]


@dataclass(frozen=True)
class TextTable:
    """A text table.

    width: cells of a line. has_row_names: whether the header lacks the name of the first column, as R writes it.
    preamble: the text above the header. units: the number and the cells of the row below it that states units; 0 if
    no row does. name_marks, prefixes: of the names of channels. remarks: on how it is read.
    """

    path: Path
    encoding: str
    delimiter: str | None
    width: int
    first: int  # the number of the line that begins the table
    has_row_names: bool = False
    preamble: str = ""
    marks: Marks = field(default_factory=Marks)
    name_marks: Marks = field(default_factory=Marks)
    prefixes: tuple[str, ...] = ()
    units: tuple[int, list[str]] = field(default=(0, []))
    remarks: tuple[str, ...] = ()

    def channel(self, name: str) -> ChannelName | None:
        """The channel of a column with this name, None if it is not a channel."""
        return parse_channel(name, self.name_marks, self.prefixes)

    def lines(self) -> Lines:
        """The number and the stripped cells of each line from the header on that is not empty.

        Raises ValueError if a line cannot be read, or if the file holds too much.
        """
        names: set[str] | None = None
        empty = 0
        for number, line in numbered_lines(self.path, self.encoding):
            if number < self.first:
                continue
            cells = split_line(number, line, self.delimiter)
            if not any(cells):
                empty += 1
                if empty > MOST_SKIPPED:
                    raise ValueError(f"line {number}: more than {MOST_SKIPPED:,} lines have only empty cells")
                continue
            if number == self.units[0]:
                continue
            if names is None:
                names, cells = _names_to_repeat(cells), self._full_header(cells)
            elif _repeats(names, cells):
                raise ValueError(f"line {number} {REPEATED_HEADER}")
            yield number, without_empty_end(cells, self.width)

    def _full_header(self, names: list[str]) -> list[str]:
        """The header with a name for each column, and with the units that are in a row below it."""
        names = ["", *names] if self.has_row_names else names
        stated = dict(enumerate(self.units[1]))
        return [
            f"{name} ({unit})" if (unit := place and stated.get(place)) else name for place, name in enumerate(names)
        ]


def open_table(
    path: Path, decimal: str | None = None, reason: str = "this is not text", used: Collection[str] = ()
) -> TextTable:
    """Find out how a text file is laid out.

    decimal: "point" or "comma", if the cells leave the mark open. used: the names of columns with numbers, besides
    those whose names say so. Raises ValueError if it is not a table of text, Question if it leaves open its decimal
    mark or is in a format that is not read.
    """
    encoding = check_text(path, reason)
    head = _first_lines(path, encoding)
    if head and head[0][1].strip().strip('"').lower().startswith(SEPARATOR):
        head = head[1:]
    if not head:
        raise ValueError("the file is empty")
    refuse_format("\n".join(line.rstrip() for _, line in head))
    table = _find_layout(path, encoding, head)
    refuse_factor(table.preamble)
    return _with_marks(table, decimal, used)


def _first_lines(path: Path, encoding: str) -> list[tuple[int, str]]:
    """The first lines with their numbers: comments, and as many other lines as decide on the layout."""
    lines, others = [], 0
    for number, line in numbered_lines(path, encoding):
        lines.append((number, line))
        others += not line.startswith("#")
        if others == HEAD:
            break
        if len(lines) > MOST_SKIPPED:
            raise ValueError(f"line {number}: more than {MOST_SKIPPED:,} lines are empty or comments")
    return lines


def split_line(number: int, line: str, delimiter: str | None) -> list[str]:
    """The stripped cells of a line, which is split at white space without a delimiter. Raises ValueError."""
    cells = _split(number, line, delimiter)
    if len(line) > MAX_CELL and max(map(len, cells), default=0) > MAX_CELL:
        raise ValueError(f"line {number}: {TOO_LONG}")
    return cells if line.isascii() else [plain_number(cell) for cell in cells]


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
            reason = TOO_LONG
        raise ValueError(f"line {number}: {reason}") from None


def _names_to_repeat(header: list[str]) -> set[str]:
    """The names of a header in lower case; none if all are numbers, because a line of numbers can look like it."""
    names = {name.casefold() for name in header if name}
    return set() if all(map(possible_marks, names)) else names


def _repeats(names: set[str], cells: list[str]) -> bool:
    may_repeat = not cells[0] or cells[0].casefold() in names  # which few lines do
    return may_repeat and names.issuperset(cell.casefold() for cell in cells if cell)


def without_empty_end(cells: list[str], width: int) -> list[str]:
    """Cells without the empty ones beyond a width, which spreadsheets leave at the end of a line."""
    end = len(cells)
    while end > width and not cells[end - 1]:
        end -= 1
    return cells[:end]


def _find_layout(path: Path, encoding: str, head: list[tuple[int, str]]) -> TextTable:
    body = [line for _, line in head if not line.startswith("#")] or [line for _, line in head]
    delimiter = _delimiter_of(body[len(body) // 2 :])
    rows = [(number, _split_leniently(number, line, delimiter)) for number, line in head]
    rows = [(number, cells) for number, cells in rows if any(cells)]
    if not rows:
        raise ValueError("the file is empty")
    lengths = [len(cells) for _, cells in rows if not cells[0].startswith("#")] or [len(cells) for _, cells in rows]
    usual = Counter(lengths[len(lengths) // 2 :]).most_common(1)[0][0]
    width = max(len(without_empty_end(cells, 0)) for _, cells in rows if len(cells) == usual)
    start = titles = 0
    while start < len(rows) - 1 and (kind := _above_header([cells for _, cells in rows[start : start + 2]], width)):
        titles += kind == "title"
        start += 1
    preamble = [line[:MAX_CELL].lstrip("# ").strip() for number, line in head if number < rows[start][0]]
    remarks: tuple[str, ...] = ()
    if titles:
        above = rows[start - 1][0]
        remarks = (f"line {above} is a title above the header, not part of the table: {preamble[-1][:SHOWN]!r}",)
    number, header = rows[start]
    names = without_empty_end(header, 0)
    has_row_names = width >= 3 and len(names) == width - 1 and all(names) and start < len(rows) - 1
    if has_row_names and not CHANNEL.fullmatch(names[0]) and not names_axis(names[0]):
        second = [cells[1] for _, cells in rows[start + 1 :] if len(cells) == width]
        if any(DECIMALS.fullmatch(cell) for cell in second):
            raise ValueError(f"line {number} has {width - 1} names for {width} columns")
    return TextTable(path, encoding, delimiter, width, number, has_row_names, "\n".join(preamble), remarks=remarks)


def _split_leniently(number: int, line: str, delimiter: str | None) -> list[str]:
    """The cells of a line; quotation marks need not match in a comment."""
    try:
        return split_line(number, line, delimiter)
    except ValueError:
        if not line.startswith("#"):
            raise
        return [cell.strip() for cell in line.split(delimiter)]


def _above_header(rows: list[list[str]], width: int) -> str:
    """What a line is if it lies above the header: "comment" or "title"; "" if the table begins with it.

    rows: the cells of the line and of the next one.
    """
    cells, following = rows
    filled = [cell for cell in cells if cell]
    numbers = [bool(possible_marks(cell)) for cell in filled]
    if cells[0].startswith("#"):
        # a header can begin with #, as the name of a column of numbers
        is_header = width >= 3 and len(filled) == width and any(map(possible_marks, following))
        return "" if is_header else "comment"
    if any(numbers[:1]) or sum(numbers) > 1 or width < 2:
        return ""
    if len(filled) == 1 or len(filled) < width - 1 or (width == 2 and len(filled) > 2):
        names = sum(rank_sample_name(cell) is not None or _holds_numbers(cell) for cell in filled)
        return "" if width > 2 and names > 1 else "title"
    if width > 2 or (names_axis(cells[0]) and not any(numbers)):
        return ""
    # names and values of settings above a spectrum of two columns, with or without a header
    return "title" if any(numbers) or not possible_marks(following[0]) else ""


def _delimiter_of(lines: list[str]) -> str | None:
    """The first of tab, semicolon, bar and comma that most lines have, None if white space separates their cells."""
    for delimiter in DELIMITERS:
        if sum(delimiter in line for line in lines) * 2 > len(lines):
            if delimiter == "," and all(_has_decimal_commas(line) for line in lines if delimiter in line):
                return None
            return delimiter
    return None


def _has_decimal_commas(line: str) -> bool:
    cells = line.split()
    return len(cells) > 1 and all(map(possible_marks, cells)) and not any(cell.endswith(",") for cell in cells)


def _with_marks(table: TextTable, decimal: str | None, used: Collection[str]) -> TextTable:
    """Find out which marks the numbers of a table have.

    Only the columns that hold numbers decide: names of samples and versions of software have marks of their own.
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
    rests = [split_prefix(name, prefixes)[1] for name in first[1]]
    for name in rests:
        if match := CHANNEL.fullmatch(name):
            names.add(first[0], 0, match["number"].strip())
    places = {place for place, name in enumerate(rests) if first[1][place] in used or _holds_numbers(name)}
    if table.width == 2:
        places = {0, 1}
        if all(map(possible_marks, first[1])):  # there is no header
            cells.add_line(*first)
    for place, (number, line) in enumerate(lines):
        if place > MOST_LINES and (table.delimiter == "," or cells.is_decided()):
            break  # what follows is read with these marks, or it is not a number
        cells.add_line(number, line, places or None)
    try:
        name_marks, marks = decide_marks(names, cells, table.delimiter)
    except Question:
        if decimal is None:
            raise
        marks = Marks(OPTIONS[decimal])
        name_marks = names.decide() or marks
    return replace(table, name_marks=name_marks, marks=marks, prefixes=prefixes)


def _holds_numbers(name: str) -> bool:
    if CHANNEL.fullmatch(name) or read_contents(name).formulas:
        return True
    return any(find_id_columns(depth, {0: name}) for depth in DEPTHS)
