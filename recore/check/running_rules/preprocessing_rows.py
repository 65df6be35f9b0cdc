"""The rows that preprocess.py writes are not those of the data. Predictions are compared with the assays line by line.
A row that is left out, repeated or moved shifts all that follow, and the score is that of wrong pairs; often nothing
fails.

    inputs.sort_values("DepthFrom").to_csv(output, index=False)

Fix: write a header and one line for each row of the data, in its order, with the data's index as the first cell.
"""

from collections.abc import Iterator

from recore.check.experiments import Experiments
from recore.check.inputs import read_inputs
from recore.check.places import place_of
from recore.check.rule import Finding, rule
from recore.failures import plain

FIX = "Write a header and one line for each row of the data, in its order, with the data's index as the first cell"


@rule("RC502", "preprocess.py keeps the number of rows, their order and their index", needs=("RC501",))
def inspect(experiments: Experiments) -> Iterator[Finding]:
    inputs, index = read_inputs(experiments.preprocessing(), ()), experiments.data.index
    place = place_of(experiments.submission, "preprocess", "main")
    place = place if place.file == "preprocess.py" else type(place)("preprocess.py")
    written = [row.index for row in inputs.rows]
    if inputs.problem:
        yield Finding(plain(f"preprocess.py writes no valid CSV: {inputs.problem}"), FIX, place)
    elif inputs.header_is_data:
        yield Finding("preprocess.py writes no header: its first line holds numbers", FIX, place)
    elif len(written) != len(index):
        yield Finding(f"preprocess.py writes {len(written)} rows for {len(index)} rows of data", FIX, place)
    elif sorted(written) == sorted(index) and written != index:
        number = next(number for number, pair in enumerate(zip(written, index, strict=True)) if pair[0] != pair[1])
        message = f"preprocess.py writes the rows in another order: row {number + 1} is {written[number]}"
        yield Finding(plain(f"{message} instead of {index[number]}"), FIX, place)
    elif written != index:
        number = next(number for number, pair in enumerate(zip(written, index, strict=True)) if pair[0] != pair[1])
        message = f"preprocess.py does not write the data's index: the first cell of row {number + 1} is"
        yield Finding(plain(f"{message} {written[number][:40]!r} instead of {index[number][:40]!r}"), FIX, place)
