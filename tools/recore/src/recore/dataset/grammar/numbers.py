"""Detect decimal and thousands marks: 1.234,5 and 1,234.5 are the same number, and 1.234 is ambiguous.

All cells of a file share one decimal mark, and so do all names of its channels. The cells show the mark: 0.452 has a
point, 0,5 has a comma, and in 1,234.5 the last mark is the decimal one. The user is asked only if no cell is clear.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass, field

from recore.dataset.grammar import Ambiguity
from stagemaker import parse_number

OPTIONS = {"point": ".", "comma": ","}  # values of --decimal
SPACES = "' \u2019"  # group thousands in some countries, with either decimal mark
LONG_DIGITS = 4  # digits of an integer that would have a thousands mark if the column used them
EMPTY = ("", "NA", "NaN", "nan", "N/A", "n/a", "#N/A", "n.a.", "nd", "n.d.", "ND", "NULL", "null", "-", "--")

DECIMALS = re.compile(r"[+-]?\d*[.,]\d+")  # a number, never a sample name

# channel names: 3998.5, X3998.5 as R writes it, 3998.5 cm-1, 1005nm, spc.4000, scan_mir.4000_abs
CHANNEL_WORD = r"(?:scan|spc|spectr(?:a|um)|mir|nir|vis|visnir|vnir|swir|wn|wl|wave(?:number|length)|abs|refl?)[._ ]"
CHANNEL = re.compile(
    rf"(?P<words>(?i:{CHANNEL_WORD})*)X?"
    rf"(?P<number>\d(?:\d|[.,'](?=\d)|[{SPACES}](?=\d{{3}}(?!\d)))*(?:[eE][+-]?\d+)?)"
    r"(?P<unit>[^\d].*)?",
    re.DOTALL | re.ASCII,
)


def _pattern(decimal: str, thousands: str) -> re.Pattern[str]:
    """Return a pattern for numbers with these marks, such as 1,234.5. The thousands mark may be missing."""
    grouped = rf"[1-9]\d{{0,2}}(?:(?P<group>[{thousands}{SPACES}])\d{{3}})(?:(?P=group)\d{{3}})*"
    return re.compile(
        rf"(?P<sign>[+-]?)(?P<whole>{grouped}|\d*)(?:[{decimal}](?P<fraction>\d*))?(?P<exponent>[eE][+-]?\d+)?",
        re.ASCII,
    )


PATTERNS = {".": _pattern(".", ","), ",": _pattern(",", ".")}


@dataclass(frozen=True)
class Marks:
    """The decimal mark of a file, "." or ",". The other mark separates thousands."""

    decimal: str = "."

    def parse(self, cell: str) -> float | None:
        """Return the finite number in a cell, or None if it is not a number with these marks."""
        if self.decimal == "." and (value := parse_number(cell)) is not None:
            return value
        if self.decimal == "," and "." not in cell and (value := parse_number(cell.replace(",", "."))) is not None:
            return value
        match = _match_number(cell.strip(), self.decimal)
        if match is None:
            return None
        whole = re.sub(r"\D", "", match["whole"])
        return parse_number(f"{match['sign']}{whole}.{match['fraction'] or ''}{match['exponent'] or ''}")


def _match_number(cell: str, decimal: str) -> re.Match[str] | None:
    match = PATTERNS[decimal].fullmatch(cell)
    if match is None or not (match["whole"] or match["fraction"]) or (match["group"] and match["exponent"]):
        return None
    return match


def possible_marks(cell: str) -> list[str]:
    """Return the possible decimal marks of the number in a cell: both, one, or none if it is not a number.

    A value below the limit of detection (<0,5) also counts as a number.
    """
    number = cell.lstrip("<>= ")
    return [mark for mark in PATTERNS if _match_number(number, mark)]


@dataclass
class Evidence:
    """Evidence from a file's numbers for its decimal mark. Columns with anything but numbers are ignored."""

    certain: dict[str, dict[int, str]] = field(default_factory=lambda: {".": {}, ",": {}})  # cells by mark and column
    ambiguous: dict[int, tuple[str, str]] = field(default_factory=dict)  # mark and cell (1234 or 1.234) by column
    integer_columns: set[int] = field(default_factory=set)  # columns with an integer
    long_columns: set[int] = field(default_factory=set)  # columns with an integer that would have a thousands mark
    other_columns: set[int] = field(default_factory=set)

    def add_line(self, line: int, cells: list[str], positions: Collection[int] | None = None) -> None:
        """Add a line's cells, by default all of them. Once a mark is certain, lines without the other are skipped."""
        for mark, other in ((".", ","), (",", ".")):
            if self.certain[mark] and not any(other in cell for cell in cells):
                return
        for column, cell in enumerate(cells):
            if positions is None or column in positions:
                self.add(line, column, cell)

    def add(self, line: int, column: int, cell: str) -> None:
        """Add a cell."""
        if cell in EMPTY or column in self.other_columns:
            return
        if cell.isascii() and cell.isdigit():
            self.integer_columns.add(column)
            if len(cell) >= LONG_DIGITS:
                self.long_columns.add(column)
            return
        marks = possible_marks(cell)
        mark = next((letter for letter in cell if letter in ".,"), "")
        if not marks:
            self.other_columns.add(column)
        elif len(marks) == 1:
            self.certain[marks[0]].setdefault(column, f"{cell[:40]!r} on line {line}")
        elif mark:
            self.ambiguous.setdefault(column, (mark, f"{cell[:40]!r} on line {line}"))

    def is_decided(self) -> bool:
        """Return whether a mark is certain."""
        return any(self.certain.values())

    def decide(self) -> Marks | None:
        """Return the marks if they are certain, otherwise None. Raises Ambiguity if there is evidence for both."""
        cells_by_mark = {
            mark: [cell for column, cell in cells.items() if column not in self.other_columns]
            for mark, cells in self.certain.items()
        }
        for column, (mark, cell) in self.ambiguous.items():
            if column in self.long_columns - self.other_columns:
                cells_by_mark[mark].append(cell)
        if cells_by_mark["."] and cells_by_mark[","]:
            clash = f"{cells_by_mark[','][0]} has a decimal comma, but {cells_by_mark['.'][0]} has a decimal point"
            raise Ambiguity("decimal", f"{clash}; use one decimal mark")
        return Marks("," if cells_by_mark[","] else ".") if cells_by_mark["."] or cells_by_mark[","] else None

    def raise_if_ambiguous(self) -> None:
        """Raise Ambiguity if a number, such as 1,234, can mean both 1234 and 1.234."""
        if cell := next((cell for column, (_, cell) in self.ambiguous.items() if column not in self.other_columns), ""):
            raise Ambiguity(
                "decimal",
                f"{cell} has three decimals or a thousands separator, and the file's other numbers do not show which; "
                "specify --decimal point or --decimal comma",
            )


def decide_marks(names: Evidence, cells: Evidence, delimiter: str | None) -> tuple[Marks, Marks]:
    """Return the marks of channel names and of the cells below them. Raises Ambiguity if the marks are ambiguous.

    The marks can differ: write.csv2 in R writes names with a decimal point, but numbers with a decimal comma.
    """
    name_mark, cell_mark = names.decide(), cells.decide()
    if cell_mark is None:
        if delimiter == ",":
            cell_mark = Marks()
        elif name_mark is None or delimiter == ";":
            cells.raise_if_ambiguous()
    if name_mark is None and cell_mark == Marks(",") and not names.integer_columns:
        names.raise_if_ambiguous()
    cell_mark = cell_mark or name_mark or Marks()
    return name_mark or cell_mark, cell_mark
