"""Which rows the trainings after the first use, and how long they will take.

They use few rows. Held out are some whole drill holes, thinned: in a hole, neighbouring rows are alike, and where that
helps a model to predict one from the other, it must do so here, too.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from recore.check.left_by_jobs import Trained
from recore.check.public_data import PublicData
from recore.spectral_data import rows_by_group
from recore.validation import FOLDS, make_folds
from stagemaker.machine import THREAD_VARIABLES

REAL_ROWS = 1_344  # of the challenge's public data
PART_ROWS = 200  # at least; all of smaller data are halved
HELD_OUT_HOLES, HELD_OUT_ROWS = 6, 150  # at most
FOLDS_OPTION = "folds"  # of the template's train.py: 0 leaves out its own held-out predictions
# Several threads for so few rows cost four times as much processor time as one when other jobs run beside them.
ONE_THREAD = dict.fromkeys(THREAD_VARIABLES, "1")
SECONDS = 60  # for the trainings without a fold; after these, no other one is started
STARTING, FORKED, SERVING = 2.5, 1.0, 15.0  # seconds that a training, one in hold_out.py and the rest need at least
Measurement = tuple[int, float]  # rows, and a quantity that was measured with so many


@dataclass(frozen=True)
class TrainingPlan:
    """The trainings of a check.

    train: the text of train.py. thorough: with many rows, and for as long as a job can take, which is an hour.
    """

    data: PublicData
    train: str
    thorough: bool

    @property
    def part(self) -> list[int]:
        """The numbers of the rows that training is repeated with, from all drill holes: at most half."""
        step = 2 if self.thorough else max(2, self.data.rows // PART_ROWS)
        return list(range(0, self.data.rows, step))

    @cached_property
    def private(self) -> list[int]:
        """The numbers of the rows that preprocess.py gets as private data: `part` without one drill hole, so that the
        number of holes differs, too.
        """
        hole = self.data.hole
        return [row for row in self.part if self.data.holes > 1 and hole[row] != hole[-1]] or self.part

    @cached_property
    def held_out(self) -> list[int]:
        """The numbers of the rows whose held-out predictions are recomputed."""
        if self.thorough:
            return list(range(self.data.rows))
        by_hole = list(rows_by_group(self.data.hole).values())
        count = min(len(by_hole), HELD_OUT_HOLES)
        chosen = [by_hole[round(place)] for place in np.linspace(0, len(by_hole) - 1, count)]
        thinned = [rows[:: math.ceil(len(rows) * count / HELD_OUT_ROWS)] for rows in chosen]
        return sorted(int(row) for rows in thinned for row in rows)

    @cached_property
    def folds(self) -> list[tuple[list[int], list[int]]]:
        """The rows of `held_out` as (training rows, held-out rows); each drill hole is held out once.

        They are the folds of train.py, so that both predict a row with the same model. Empty if there are fewer than
        two drill holes.
        """
        if not self.data.holes:
            return []
        rows = np.array(self.held_out)
        splits = make_folds(self.data.hole[rows], "holes")
        return [(rows[training].tolist(), rows[held_out].tolist()) for training, held_out in splits]

    @property
    def arguments(self) -> dict[str, str]:
        """The arguments of train.py for a training without a fold, whose own held-out predictions are not needed."""
        return {FOLDS_OPTION: "0"} if f'"--{FOLDS_OPTION}"' in self.train else {}

    @property
    def variables(self) -> dict[str, str]:
        """Environment variables of all trainings but the first."""
        return {} if self.thorough else ONE_THREAD

    @property
    def seconds(self) -> float:
        """After how long no further training without a fold is started."""
        return math.inf if self.thorough else SECONDS

    def remaining(self, trained: Trained) -> float:
        """About how many seconds a check needs after the training with all rows."""
        fit = max(0.0, trained.seconds - STARTING) / max(1, trained.rows)  # seconds a row
        alone = fit / (1 + FOLDS) if self.arguments else fit
        parts = 2 * (STARTING + fit * len(self.part))
        folds = FORKED + fit * len(self.held_out) + sum(FORKED + alone * len(training) for training, _ in self.folds)
        return SERVING + parts + min(folds, self.seconds)


def extrapolate(whole: Measurement, parts: Sequence[Measurement], noise: float = 0.0) -> float | None:
    """Return a quantity for REAL_ROWS rows if it grows linearly with them; as measured, if there are no fewer rows.

    whole: measured with all rows. parts: measured with a part of the rows, the same number each time. noise: no growth;
    nor is what the parts differ by, if that is more. None if there is no part that is smaller than the whole.
    """
    rows, value = whole
    if rows >= REAL_ROWS:
        return value
    if not parts or parts[0][0] >= rows:
        return None
    values = [measured for _, measured in parts]
    growth = max(0.0, value - max(values) - max(noise, max(values) - min(values)))
    return value + growth * (REAL_ROWS - rows) / (rows - parts[0][0])
