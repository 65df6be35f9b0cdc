"""Make CSV cells safe for spreadsheet programs, which would evaluate a cell that begins like a formula."""

import re
from collections.abc import Iterable
from typing import Any

from stagemaker import parse_number

# at the start or after a semicolon, which separates cells in many countries; includes full-width signs
FORMULA = re.compile(r"(^|;)(?=\s*[=+\-@\uff1d\uff0b\uff0d\uff20])")
# control characters, including those that change the direction of text
CONTROL = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)], " ")


def safe_cell(value: Any) -> Any:
    """Replace control characters with spaces and prefix formulas with an apostrophe. Numbers are returned unchanged."""
    if not isinstance(value, str) or parse_number(value) is not None:
        return value
    return FORMULA.sub(r"\1'", value.translate(CONTROL))


def safe_row(cells: Iterable[Any]) -> list[Any]:
    """Apply `safe_cell` to each cell of a row."""
    return [safe_cell(cell) for cell in cells]
