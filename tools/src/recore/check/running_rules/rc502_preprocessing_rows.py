"""Predictions are compared with the assays line by line. If a row is left out, repeated or moved, the rows after it are
compared with the wrong assays, often without any error.

    inputs.sort_values("DepthFrom").to_csv(output, index=False)

Fix: write a header and one line for each row of the data, in its order, with the data's index as the first cell.
"""

from collections.abc import Iterator

from recore.check.experiments import Experiments
from recore.check.inputs import read_inputs
from recore.check.places import place_of
from recore.check.rule import Finding, Place, rule
from recore.text import plain

FIX = "Write a header and one line for each row of the data, in its order, with the data's index as the first cell"


@rule("preprocess.py keeps the number of rows, their order and their index", needs=("RC501",))
def inspect(experiments: Experiments) -> Iterator[Finding]:
    inputs, index = read_inputs(experiments.preprocessing(), ()), experiments.data.index
    place = place_of(experiments.submission, "preprocess", "main")
    place = place if place.file == "preprocess.py" else Place("preprocess.py")
    written = [row.index for row in inputs.rows]
    if inputs.problem:
        yield Finding(plain(f"preprocess.py writes no valid CSV: {inputs.problem}"), FIX, place)
    elif inputs.header_is_data:
        yield Finding("preprocess.py writes no header: its first line contains numbers", FIX, place)
    elif len(written) != len(index):
        yield Finding(f"preprocess.py writes {len(written)} rows for {len(index)} rows of data", FIX, place)
    elif written != index:
        pairs = enumerate(zip(written, index, strict=True), 1)
        number, first, expected = next((number, *pair) for number, pair in pairs if pair[0] != pair[1])
        if sorted(written) == sorted(index):
            message = f"preprocess.py writes the rows in another order: row {number} is {first} instead of {expected}"
        else:
            message = f"preprocess.py does not write the data's index: the first cell of row {number} is {first[:40]!r}"
            message += f" instead of {expected[:40]!r}"
        yield Finding(plain(message), FIX, place)
