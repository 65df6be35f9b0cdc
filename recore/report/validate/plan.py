"""What is fitted, to which rows, and in which order: what matters most comes first, should time run out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from recore.report.statistics.groups import rows_by_group

FOLDS = 5
STRENGTHS = 11  # of a strength curve
SIZES = 4  # of a learning curve, the whole training part among them

Rows = NDArray[np.intp]
Way = Literal["holes", "rows"]  # what is held out together
What = Literal["nested", "strength", "learning"]


@dataclass(frozen=True)
class Group:
    """Fits that hold out each row once. detail: the repeat, the strength, or the number of holes."""

    way: Way
    what: What
    detail: float


@dataclass(frozen=True)
class Task:
    """One fit. alpha: the one strength that it has to choose from; None for all."""

    group: Group
    training: Rows
    held: Rows
    alpha: float | None = None


def thinned(holes: NDArray[Any], most: int) -> Rows:
    """At most so many rows of all: the same number of every hole, but of smaller holes all, spread evenly over it.

    Of more holes than rows, every k-th hole gives one row.
    """
    if len(holes) <= most:
        return np.arange(len(holes))
    own = list(rows_by_group(holes).values())
    own = own[:: -(-len(own) // most)]
    counts = np.sort([len(rows) for rows in own])
    left, each = most, 0
    for place, count in enumerate(counts):
        each = left // (len(counts) - place)
        if count > each:
            break
        left -= count
    chosen = [rows[np.linspace(0, len(rows) - 1, min(len(rows), each)).round().astype(int)] for rows in own]
    return np.sort(np.concatenate(chosen))


def folds_of(holes: NDArray[Any], way: Way, seed: int) -> list[tuple[Rows, Rows]]:
    """(training, held out) of each fold; none where there is one hole, or one row, alone."""
    from sklearn.model_selection import GroupKFold

    groups = holes.astype(str) if way == "holes" else np.arange(len(holes))
    count = min(FOLDS, len(set(groups.tolist())))
    if count < 2:
        return []
    return list(GroupKFold(count, shuffle=True, random_state=seed).split(holes, groups=groups))


def plan_of(holes: NDArray[Any], alphas: Sequence[float] | None, repeats: int, seed: int) -> list[list[Task]]:
    """Stages, the first one for all reports: both ways once; then whatever time allows, group by group.

    alphas: those that the submission tries, None where it has none.
    """
    ways: tuple[Way, ...] = ("holes", "rows")
    folds = {(way, number): folds_of(holes, way, seed + number) for way in ways for number in range(repeats)}

    few = len(set(holes.tolist())) <= FOLDS  # each held out on its own: the same folds for every seed

    def nested(number: int) -> list[Task]:
        return [
            Task(Group(way, "nested", number), training, held)
            for way in (ways[1:] if few and number else ways)
            for training, held in folds[way, number]
        ]

    def strengths(way: Way, some: slice) -> list[Task]:
        if alphas is None or min(alphas) == max(alphas):
            return []
        tried = np.geomspace(min(alphas), max(alphas), STRENGTHS)
        return [
            Task(Group(way, "strength", float(alpha)), training, held, float(alpha))
            for alpha in tried[some]
            for training, held in folds[way, 0]
        ]

    later = [nested(number) for number in range(1, repeats)]
    return [
        nested(0),
        strengths("holes", slice(0, None, 2)),
        list(_learning(holes, folds["holes", 0], seed)),
        *later[:1],
        strengths("holes", slice(1, None, 2)),
        strengths("rows", slice(0, None, 2)),
        strengths("rows", slice(1, None, 2)),
        *later[1:],
    ]


def _learning(holes: NDArray[Any], folds: list[tuple[Rows, Rows]], seed: int) -> Iterator[Task]:
    """Fits to some of each training part's holes, drawn; the whole part is among the nested fits."""
    parts = [list(rows_by_group(holes[training]).values()) for training, _ in folds]
    fewest = min(map(len, parts), default=0)
    for size in sorted({max(1, round(part * fewest / SIZES)) for part in range(1, SIZES)} - {fewest}):
        for number, ((training, held), own) in enumerate(zip(folds, parts, strict=True)):
            random = np.random.default_rng([seed, number])  # one order for all sizes: each holds the smaller ones
            rows = np.concatenate([training[own[place]] for place in random.permutation(len(own))[:size]])
            yield Task(Group("holes", "learning", size), np.sort(rows), held)
