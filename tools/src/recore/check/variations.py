"""Compares what preprocess.py makes of the data's variations."""

from recore.check.inputs import InputRow, Inputs, differing, read_inputs
from recore.check.left_by_jobs import Variation
from recore.failures import describe_exit, last_error, read_end


def read_variation(variation: Variation) -> Inputs:
    """What preprocess.py made of a variation. Its problem says why it failed, or why its output is not a CSV."""
    if variation.output is not None:
        return read_inputs(variation.output)
    reason = "it writes no public.csv"
    if variation.status:
        reason = last_error(read_end(variation.log)) or describe_exit(variation.status)
    return Inputs([], [], reason)


def compare(variation: Variation, expected: list[InputRow], header: list[str]) -> str:
    """Why a variation does not have the expected rows; empty if it has them."""
    inputs = read_variation(variation)
    return f"it fails: {inputs.problem}" if inputs.problem else compare_rows(expected, inputs.rows, header)


def compare_rows(expected: list[InputRow], rows: list[InputRow], header: list[str]) -> str:
    """How rows differ from those expected, which have the same order; empty if they agree."""
    if len(rows) != len(expected):
        return f"there are {len(rows)} rows instead of {len(expected)}"
    for wanted, row in zip(expected, rows, strict=True):
        cell = differing(wanted, row)
        if cell is not None:
            column = header[cell] if cell < len(header) else f"cell {cell + 1}"
            pair = [each.values[cell - 1][:24] if cell <= len(each.values) else "missing" for each in (row, wanted)]
            return f"{column[:40]} of row {wanted.index[:40]} is {pair[0]} instead of {pair[1]}"
    return ""
