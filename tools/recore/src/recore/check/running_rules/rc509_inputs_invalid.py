"""The columns of step 2's CSV are the model's inputs. A name that stands for several columns, an empty cell or an
infinite value makes most models fail, in training or at the first request, with a library's words.

    inputs = pd.concat([inputs, inputs.diff(axis=1)], axis=1)   # each name twice
    inputs = np.log(inputs)                                     # -inf where a bin is 0

Fix: give each column its own name, and each cell a finite number. If training and prediction succeed, the finding is
only a warning.
"""

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pandas as pd

from recore.check.experiments import Experiments
from recore.check.failures import failure_of
from recore.check.inputs import read_columns, read_inputs
from recore.check.rule import Finding, Findings, Level, rule
from recore.listing import count, list_names
from recore.text import plain

FIX_NAMES = "Give each column of the inputs its own name, for example with add_prefix()"
FIX_VALUES = "Compute a finite number for each cell; logarithms, divisions and differences of bins may give none"
MAX_LISTED = 3


@rule("The inputs have unique names and finite values", needs=("RC502",))
def inspect(experiments: Experiments) -> Findings:
    path = experiments.preprocessing()
    for message, fix in judge(read_inputs(path, ()).header[1:], read_columns(path)):
        level = Level.ERROR if failure_of(experiments.predictions) else Level.WARNING
        yield Finding(plain(message, 900), fix, experiments.scripts.locate("preprocess"), level)


def judge(names: list[str], inputs: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """Yield messages and fixes. names: the header without the index. inputs: the rows."""
    if repeated := [name[:40] for name, number in Counter(names).items() if number > 1]:
        yield f"several columns of the inputs have the same name: {list_names(repeated, MAX_LISTED)}", FIX_NAMES
    values = inputs.apply(pd.to_numeric, errors="coerce").to_numpy(float)
    invalid = ~np.isfinite(values) & (inputs.isna().to_numpy() | np.isinf(values))
    if invalid.any():
        row, column = np.argwhere(invalid)[0]
        cell = "empty" if np.isnan(values[row, column]) else str(values[row, column])
        message = f"{inputs.columns[column]} in row {row + 1} of the inputs is {cell}"
        yield f"{message}; not finite: {count(int(invalid.sum()), 'cell')} of {invalid.size:,}", FIX_VALUES
