"""Which fits a validation needs, each with its training rows and held-out rows, in the order of their importance."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from recore.report.statistics.groups import rows_by_group

FOLDS = 5
ALPHAS = 11  # points of a curve over the regularisation strength
LEARNING_SIZES = 4  # points of a learning curve, the last of which is the whole training part

Rows = NDArray[np.intp]
Split = Literal["holes", "rows"]  # what is held out together
SPLITS: tuple[Split, ...] = ("holes", "rows")
SPLIT_NAMES: dict[Split, str] = {"holes": "held-out drill holes", "rows": "held-out rows"}


@dataclass(frozen=True)
class CrossValidation:
    """One cross-validation: its fits hold out each row once.

    purpose: "default" is fit() with its default hyperparameters, "alpha" with a single regularisation strength,
    "learning" on some of the training holes. setting: the repeat, the strength, or the number of holes.
    """

    split: Split
    purpose: Literal["default", "alpha", "learning"]
    setting: float


@dataclass(frozen=True)
class FoldFit:
    """One fit of a cross-validation. alpha: the only regularisation strength to use; None for the defaults."""

    cross_validation: CrossValidation
    training: Rows
    held_out: Rows
    alpha: float | None = None


def thin_rows(holes: NDArray[Any], limit: int) -> Rows:
    """At most `limit` of all rows: equally many of every hole, evenly spaced, and all rows of smaller holes.

    If there are more holes than `limit`, every k-th hole contributes one row.
    """
    if len(holes) <= limit:
        return np.arange(len(holes))
    rows_of_holes = list(rows_by_group(holes).values())
    rows_of_holes = rows_of_holes[:: math.ceil(len(rows_of_holes) / limit)]
    counts = np.sort([len(rows) for rows in rows_of_holes])
    remaining, per_hole = limit, 0
    for place, count in enumerate(counts):
        per_hole = remaining // (len(counts) - place)
        if count > per_hole:
            break
        remaining -= count
    chosen = [
        rows[np.linspace(0, len(rows) - 1, min(len(rows), per_hole)).round().astype(int)] for rows in rows_of_holes
    ]
    return np.sort(np.concatenate(chosen))


def make_folds(holes: NDArray[Any], split: Split, seed: int) -> list[tuple[Rows, Rows]]:
    """(training rows, held-out rows) of each fold; empty if there is only one hole, or only one row, to hold out."""
    from sklearn.model_selection import GroupKFold

    groups = holes.astype(str) if split == "holes" else np.arange(len(holes))
    count = min(FOLDS, len(set(groups.tolist())))
    if count < 2:
        return []
    return list(GroupKFold(count, shuffle=True, random_state=seed).split(holes, groups=groups))


def make_plan(holes: NDArray[Any], alphas: Sequence[float] | None, repeats: int, seed: int) -> list[list[FoldFit]]:
    """The fits in stages: every report needs the first stage, the others are optional, the most important first.

    alphas: the regularisation strengths that the submission tries; None if it has no such hyperparameters.
    """
    folds = {(split, repeat): make_folds(holes, split, seed + repeat) for split in SPLITS for repeat in range(repeats)}
    # with so few holes each is held out on its own, and the folds are the same for every seed
    seeds_matter = len(set(holes.tolist())) > FOLDS

    def default_fits(repeat: int) -> list[FoldFit]:
        return [
            FoldFit(CrossValidation(split, "default", repeat), training, held_out)
            for split in SPLITS
            if split == "rows" or repeat == 0 or seeds_matter
            for training, held_out in folds[split, repeat]
        ]

    def alpha_fits(split: Split, first: int) -> list[FoldFit]:
        if alphas is None or min(alphas) == max(alphas):
            return []
        return [
            FoldFit(CrossValidation(split, "alpha", float(alpha)), training, held_out, float(alpha))
            for alpha in np.geomspace(min(alphas), max(alphas), ALPHAS)[first::2]
            for training, held_out in folds[split, 0]
        ]

    repeated = [default_fits(repeat) for repeat in range(1, repeats)]
    return [
        default_fits(0),
        alpha_fits("holes", 0),
        list(_learning_fits(holes, folds["holes", 0], seed)),
        *repeated[:1],
        alpha_fits("holes", 1),
        alpha_fits("rows", 0),
        alpha_fits("rows", 1),
        *repeated[1:],
    ]


def _learning_fits(holes: NDArray[Any], folds: list[tuple[Rows, Rows]], seed: int) -> Iterator[FoldFit]:
    """Fits on randomly chosen holes of each training part; the default fits have the whole part."""
    parts = [list(rows_by_group(holes[training]).values()) for training, _ in folds]
    fewest = min(map(len, parts), default=0)
    sizes = {max(1, round(point * fewest / LEARNING_SIZES)) for point in range(1, LEARNING_SIZES)} - {fewest}
    for size in sorted(sizes):
        for number, ((training, held_out), rows_of_holes) in enumerate(zip(folds, parts, strict=True)):
            order = np.random.default_rng([seed, number]).permutation(len(rows_of_holes))  # the same for every size
            rows = np.concatenate([training[rows_of_holes[hole]] for hole in order[:size]])
            yield FoldFit(CrossValidation("holes", "learning", size), np.sort(rows), held_out)
