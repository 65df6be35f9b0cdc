"""Predictions are compared with the assays line by line. If a row is missing, repeated or moved, the rows after it are
compared with the wrong assays, often without any error. The rule also tries files without assays, in reverse order and
with few rows.

    inputs.sort_values("DepthFrom").to_csv(output, index=False)

Fix: write a header and one line for each row of the data, in the same order, with the data's index as the first cell.
"""

import contextlib

from recore.check.experiments import Experiments
from recore.check.failures import ExperimentError
from recore.check.inputs import Inputs, read_inputs, read_variation
from recore.check.rule import Finding, Findings, Location, rule
from recore.listing import count

FIX = "Write a header and one line for each row of the data, in the same order, with the data's index as the first cell"


@rule("preprocess.py keeps the number of rows, their order and their index", needs=("RC501",))
def inspect(experiments: Experiments) -> Findings:
    index = experiments.data.index
    part, private = ([index[row] for row in rows] for rows in (experiments.data.subset, experiments.plan.private_rows))
    middle = len(part) // 2
    cases = {
        "some": (part, f"{len(part)} rows of the data"),
        "private": (private, f"{len(private)} rows of the data, without assays and from other drill holes"),
        "reversed": (part[::-1], f"{len(part)} rows of the data, without assays and in reverse order"),
        "single": (part[middle : middle + 1], "one row of the data, without assays"),
    }
    written = [(read_inputs(experiments.preprocessing(), ()), index, "")]
    with contextlib.suppress(ExperimentError):  # RC503 reports it
        variations = experiments.variations()
        for name, (rows, data) in cases.items():
            if variations[name].output is not None:
                written.append((read_variation(variations[name], ()), rows, f"With {data}, "))
    location = experiments.scripts.locate("preprocess", "main")
    location = location if location.file == "preprocess.py" else Location("preprocess.py")
    for inputs, rows, condition in written:
        if problem := _problem(inputs, rows):
            yield Finding(f"{condition}preprocess.py {problem}", FIX, location)
            return


def _problem(inputs: Inputs, index: list[str]) -> str:
    written = [row.index for row in inputs.rows]
    if inputs.problem:
        return f"does not write a valid CSV: {inputs.problem}"
    if inputs.header_is_data:
        return "writes no header; its first line contains numbers"
    if len(written) != len(index):
        return f"writes {count(len(written), 'row')} for {count(len(index), 'row')} of data"
    for number, (name, expected) in enumerate(zip(written, index, strict=True), 1):
        if name != expected and sorted(written) == sorted(index):
            return f"writes the rows in a different order: row {number} is {name[:40]} instead of {expected[:40]}"
        if name != expected:
            message = f"does not write the data's index: the first cell of row {number} is {name[:40]!r}"
            return f"{message} instead of {expected[:40]!r}"
    return ""
