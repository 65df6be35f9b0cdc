"""The host's score.py compares predictions and assays line by line and column by column. A header counts as a row, and
an index as a column. If a row is missing, or has too many or non-finite values, there is no score.

    return pd.DataFrame(prediction).to_csv()   # with a header and an index

Fix: `to_csv(header=False, index=False)`, with the columns in the order of TARGETS.
"""

import numpy as np

from recore.check.experiments import Experiments
from recore.check.predictions import InvalidPredictions
from recore.check.rule import Finding, Findings, rule

FIX = "Write one line per row, in the same order, with a finite number for each target and without header or index"
FIX_TRANSPOSED = "Make predict_fn return an array of the shape (rows, targets); `.T` transposes an array"


@rule("The predictions contain a finite number for each row and target", needs=("RC601",))
def inspect(experiments: Experiments) -> Findings:
    if problem := _problem(experiments):
        message, fix = problem
        yield Finding(message, fix, experiments.scripts.locate("output_fn", "transform_fn", "predict_fn"))


def _problem(experiments: Experiments) -> tuple[str, str] | None:
    data = experiments.data
    try:
        predicted = experiments.predicted()
    except InvalidPredictions as error:
        header = error.line == 1 and "is not a number" in str(error)
        return f"The predictions {'begin with a header' if header else 'are invalid'}: {error}", FIX
    rows, columns = predicted.shape
    if (columns, rows) == (data.rows, len(data.targets)) and rows != columns:
        message = f"The predictions are transposed: {rows} lines of {columns} numbers instead of {columns} of {rows}"
        return message, FIX_TRANSPOSED
    if columns != len(data.targets):
        index = "; the first one seems to be an index" if columns == len(data.targets) + 1 else ""
        return f"The predictions have {columns} columns instead of {len(data.targets)}{index}", FIX
    if rows != data.rows:
        return f"There are {rows} lines of predictions for {data.rows} rows of data", FIX
    bad_cells = np.argwhere(~np.isfinite(predicted) & (data.was_measured | ~np.isnan(predicted).all(axis=0)))
    if len(bad_cells):
        row, column = bad_cells[0]
        return f"The prediction of {data.targets[column]} for row {row + 1} is {predicted[row, column]}", FIX
    return None
