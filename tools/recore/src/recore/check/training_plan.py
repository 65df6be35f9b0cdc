"""Plan the training jobs after the first one: their rows, and the time that they will take.

These jobs use few rows. The held-out rows are every n-th row of only some drill holes, so that neighbouring rows are
still similar enough to benefit a model that has seen other rows of the same hole.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from recore.check.job_results import TrainingResult
from recore.check.public_data import PublicData
from recore.spectral_data import rows_by_group
from recore.validation import FOLDS, make_folds
from stagemaker.machine import THREAD_VARIABLES

REAL_ROWS = 1_344  # rows in the challenge's public data
PART_ROWS = 200  # minimum; smaller data are halved
HELD_OUT_HOLES, HELD_OUT_ROWS = 6, 150  # maximum
FOLDS_OPTION = "folds"  # an argument of the template's train.py, which makes no held-out predictions if it is 0
# For so few rows, several threads use four times as much CPU time as one if other jobs run at the same time.
ONE_THREAD = dict.fromkeys(THREAD_VARIABLES, "1")
SECONDS = 60  # for all folds together; after this time, no further fold is started
JOB_S, FORK_S, SERVE_S = 2.5, 1.0, 15.0  # minimum seconds: a training job, training in hold_out.py, the rest
Measurement = tuple[int, float]  # a number of rows, and the quantity measured with it


@dataclass(frozen=True)
class TrainingPlan:
    """A plan of the training jobs in a check.

    train: the source of train.py. thorough: whether to use many rows, with no time limit except a job's.
    """

    data: PublicData
    train: str
    thorough: bool

    @property
    def part(self) -> list[int]:
        """The indices of the rows for repeated training: at most half of the rows, from all drill holes."""
        step = 2 if self.thorough else max(2, self.data.rows // PART_ROWS)
        return list(range(0, self.data.rows, step))

    @cached_property
    def private_rows(self) -> list[int]:
        """The indices of the rows that serve as private data: `part`, without one drill hole if there are several."""
        hole = self.data.hole
        return [row for row in self.part if self.data.holes > 1 and hole[row] != hole[-1]] or self.part

    @cached_property
    def held_out(self) -> list[int]:
        """The indices of the rows whose held-out predictions are recomputed."""
        if self.thorough:
            return list(range(self.data.rows))
        by_hole = list(rows_by_group(self.data.hole).values())
        count = min(len(by_hole), HELD_OUT_HOLES)
        groups = [by_hole[round(position)] for position in np.linspace(0, len(by_hole) - 1, count)]
        row_groups = [rows[:: math.ceil(len(rows) * count / HELD_OUT_ROWS)] for rows in groups]
        return sorted(int(row) for rows in row_groups for row in rows)

    @cached_property
    def folds(self) -> list[tuple[list[int], list[int]]]:
        """The folds of `held_out`, each as (training rows, held-out rows); each drill hole is held out once.

        The folds are the same as in train.py, so that train.py and the check predict a row with models trained on the
        same rows. Empty if there are fewer than two drill holes.
        """
        if not self.data.holes:
            return []
        rows = np.array(self.held_out)
        splits = make_folds(self.data.hole[rows], "holes")
        return [(rows[training].tolist(), rows[held_out].tolist()) for training, held_out in splits]

    @property
    def arguments(self) -> dict[str, str]:
        """The arguments, if any, that make train.py skip its own held-out predictions when a fold is held out."""
        return {FOLDS_OPTION: "0"} if f'"--{FOLDS_OPTION}"' in self.train else {}

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables for all training jobs except the first."""
        return {} if self.thorough else ONE_THREAD

    @property
    def seconds(self) -> float:
        """The time in seconds after which no more folds are started."""
        return math.inf if self.thorough else SECONDS

    def estimate(self, trained: TrainingResult) -> float:
        """Estimate the remaining seconds of a check after training on all rows."""
        fit = max(0.0, trained.seconds - JOB_S) / max(1, trained.rows)  # seconds per row
        fold_fit = fit / (1 + FOLDS) if self.arguments else fit
        parts = 2 * (JOB_S + fit * len(self.part))
        folds = FORK_S + fit * len(self.held_out) + sum(FORK_S + fold_fit * len(training) for training, _ in self.folds)
        return SERVE_S + parts + min(folds, self.seconds)


def extrapolate(full: Measurement, parts: Sequence[Measurement], noise: float = 0.0) -> float | None:
    """Extrapolate a quantity linearly to REAL_ROWS rows, unless it was measured with at least as many.

    full: the measurement with all rows. parts: measurements with the same, smaller number of rows. noise: changes up to
    this value, or up to the difference between parts, do not count as growth. Return None if no part is smaller.
    """
    rows, value = full
    if rows >= REAL_ROWS:
        return value
    if not parts or parts[0][0] >= rows:
        return None
    values = [measured for _, measured in parts]
    growth = max(0.0, value - max(values) - max(noise, max(values) - min(values)))
    return value + growth * (REAL_ROWS - rows) / (rows - parts[0][0])
