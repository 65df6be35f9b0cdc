"""Compares what preprocess.py makes of the data's variations."""

from recore.check.inputs import InputRow, differing, read_inputs
from recore.check.left_by_jobs import Variation
from recore.failures import last_error, read_end


def failure_of(variation: Variation) -> str:
    """Why preprocess.py failed with a variation, or why its output is not a CSV; empty if neither is the case."""
    if variation.output is not None:
        return read_inputs(variation.output).problem
    if variation.status:
        return last_error(read_end(variation.log)) or f"it ends with status {variation.status}"
    return "it writes no public.csv"


def rows_of(variation: Variation) -> list[InputRow]:
    """The rows of a variation without a failure."""
    if variation.output is None:
        raise ValueError("preprocess.py failed with this variation")
    return read_inputs(variation.output).rows


def compare_rows(expected: list[InputRow], rows: list[InputRow], header: list[str]) -> str:
    """How rows differ from those expected, which have the same order; empty where they agree."""
    if len(rows) != len(expected):
        return f"there are {len(rows)} rows instead of {len(expected)}"
    for wanted, row in zip(expected, rows, strict=True):
        cell = differing(wanted, row)
        if cell is not None:
            column = header[cell] if cell < len(header) else f"cell {cell + 1}"
            pair = [each.values[cell - 1][:24] if cell <= len(each.values) else "missing" for each in (row, wanted)]
            return f"{column[:40]} of row {wanted.index[:40]} is {pair[0]} instead of {pair[1]}"
    return ""
