"""Cells of CSV files that people open in a spreadsheet, which would run a cell that begins like a formula."""

import re
from collections.abc import Iterable
from typing import Any

from stagemaker import parse_number

# at the beginning, and after a semicolon, which separates cells in many countries; also full-width signs
FORMULA = re.compile(r"(^|;)(?=\s*[=+\-@\uff1d\uff0b\uff0d\uff20])")
# control characters, and those that reverse the direction of a line
CONTROL = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)], " ")


def safe_cell(value: Any) -> Any:
    """A cell without control characters, and with an apostrophe before a formula. Numbers stay as they are."""
    if not isinstance(value, str) or parse_number(value) is not None:
        return value
    return FORMULA.sub(r"\1'", value.translate(CONTROL))


def safe_row(cells: Iterable[Any]) -> list[Any]:
    """The cells of a row, each as `safe_cell` returns it."""
    return [safe_cell(cell) for cell in cells]
