"""Compares what preprocess.py makes of the data's variations."""

from collections.abc import Container, Mapping, Sequence
from pathlib import Path

from recore.check.inputs import Inputs, differing, read_inputs
from recore.check.left_by_jobs import Variation
from recore.listing import list_names

SHOWN = 3  # columns


def find_differences(
    whole: Path, variations: Mapping[str, Variation], few: Sequence[int], private: Sequence[int]
) -> dict[str, str]:
    """The difference between the inputs of each variation and of the public file, by name; empty if there is none.

    whole: the output of preprocess.py for the public file. few, private: the row numbers of the small variations and of
    private. Small variations without assays are compared with the same rows with assays. The variation untargeted is
    required only if both private and reversed differ.
    """
    expected = read_inputs(whole, {*few, *private})
    rows, as_private = (
        [expected.rows[number] for number in numbers if number < len(expected.rows)] for numbers in (few, private)
    )
    found = {
        "some": _compare(variations["some"], Inputs(expected.header, rows)),
        "private": _compare(variations["private"], Inputs(expected.header, as_private)),
    }
    if found["some"]:
        rows = read_variation(variations["some"]).rows or rows
    middle = len(rows) // 2
    found["reversed"] = _compare(variations["reversed"], Inputs(expected.header, rows[::-1]))
    found["single"] = _compare(variations["single"], Inputs(expected.header, rows[middle : middle + 1]))
    if "untargeted" in variations:
        found["untargeted"] = _compare(variations["untargeted"], Inputs(expected.header, rows))
    return found


def effect_of_assays(differences: Mapping[str, str]) -> str:
    """The difference between inputs with and without assays; empty if there is none."""
    return differences.get("untargeted", "")


def effect_of_holes(differences: Mapping[str, str]) -> str:
    """The difference between inputs if drill holes have other names; empty if there is none, or for another reason."""
    return "" if differences["some"] or effect_of_assays(differences) else differences["private"]


def read_variation(variation: Variation, cells_of: Container[int] | None = None) -> Inputs:
    """The output of preprocess.py for a variation. Its problem says why it failed, or why its output is not a CSV.

    cells_of: as for read_inputs.
    """
    if variation.output is None:
        return Inputs([], [], variation.problem)
    return read_inputs(variation.output, cells_of)


def _compare(variation: Variation, expected: Inputs) -> str:
    inputs = read_variation(variation)
    if inputs.problem:
        return f"it fails: {inputs.problem}"
    if inputs.header[1:] != expected.header[1:]:
        return _compare_columns(inputs.header[1:], expected.header[1:])
    if len(inputs.rows) != len(expected.rows):
        return f"there are {len(inputs.rows)} rows instead of {len(expected.rows)}"
    for wanted, row in zip(expected.rows, inputs.rows, strict=True):
        cell = differing(wanted, row)
        if cell is not None:
            column = expected.header[cell] if cell < len(expected.header) else f"cell {cell + 1}"
            pair = [each.values[cell - 1][:24] if cell <= len(each.values) else "missing" for each in (row, wanted)]
            return f"{column[:40]} of row {wanted.index[:40]} is {pair[0]} instead of {pair[1]}"
    return ""


def _compare_columns(names: list[str], expected: list[str]) -> str:
    missing, added = set(expected) - set(names), set(names) - set(expected)
    parts = {
        "lacks": [name[:40] for name in expected if name in missing],
        "also has": [name[:40] for name in names if name in added],
    }
    texts = [f"{verb} {list_names(columns, SHOWN)}" for verb, columns in parts.items() if columns]
    return f"the CSV {' and '.join(texts)}" if texts else "the columns are in another order"
