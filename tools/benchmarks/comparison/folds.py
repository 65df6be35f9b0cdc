"""Three kinds of folds, and the predictions of the methods for the held-out rows."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from joblib import Parallel, delayed
from sklearn.model_selection import GroupKFold, KFold, LeaveOneGroupOut

from .data import Data
from .methods import predict

FOLDS = 5
FEW_SITES = 10  # at most so many sites are held out one at a time
LEAST_MEASURED = 10  # rows in the training part in which a target must be measured to be fitted and scored

Fold = tuple[np.ndarray, np.ndarray]  # numbers of the rows to train on, and of those held out


@dataclass(frozen=True)
class Column:
    """A column of the table. strata (rows,): the bootstrap draws rows within each of these groups."""

    name: str
    held_out: str
    drawn: str
    repeats: list[list[Fold]]
    strata: np.ndarray


@dataclass(frozen=True)
class Outcome:
    """For each repeat, (rows, 49): the assays that are scored, NaN elsewhere, and the predictions by method."""

    targets: list[np.ndarray]
    predicted: dict[str, list[np.ndarray]]


def columns_of(data: Data, repeats: int, seed: int) -> list[Column]:
    """Return the columns that the data allow: by site needs two sites, public to private a private file."""
    columns, sites = [], len(np.unique(data.sites))
    seeds, times = range(seed, seed + repeats), "once" if repeats == 1 else f"{repeats} times"
    if sites > 1:
        split = [list(LeaveOneGroupOut().split(data.targets, groups=data.sites))]
        held_out = f"each of {sites} sites in turn"
        if sites > FEW_SITES:
            by_group = [GroupKFold(FOLDS, shuffle=True, random_state=number) for number in seeds]
            split = [list(folds.split(data.targets, groups=data.sites)) for folds in by_group]
            held_out = f"a fifth of {sites} sites in turn, {times}"
        columns.append(Column("by site", held_out, "rows within each site", split, data.sites))
    split = [list(KFold(FOLDS, shuffle=True, random_state=number).split(data.targets)) for number in seeds]
    every = np.zeros(len(data))
    columns.append(Column("shuffled", f"a fifth of the rows in turn, {times}", "rows", split, every))
    if data.private.any():
        split = [[(np.flatnonzero(~data.private), np.flatnonzero(data.private))]]
        columns.append(Column("public to private", "the private rows, once", "private rows", split, every))
    return columns


def run(
    data: Data, columns: list[Column], methods: list[str], jobs: int, advance: Callable[[int], None]
) -> dict[str, Outcome]:
    """Fit every method in every fold, `jobs` at a time with one thread each; return each column's outcome by name.

    Targets with too few measured rows in a fold's training part are not scored in that fold, for any method.
    """
    outcomes = {}
    for column in columns:
        empty = [np.full(data.targets.shape, np.nan) for _ in column.repeats]
        outcomes[column.name] = Outcome(empty, {name: [part.copy() for part in empty] for name in methods})
    with Parallel(n_jobs=jobs, return_as="generator_unordered") as parallel:
        for name, repeat, method, rows, targets, predicted in parallel(tasks(data, columns, methods)):
            outcomes[name].targets[repeat][rows] = targets
            outcomes[name].predicted[method][repeat][rows] = predicted
            advance(1)
    return outcomes


def fits_of(columns: list[Column], methods: list[str]) -> int:
    """Return the number of fits that `run` makes."""
    return len(methods) * sum(len(folds) for column in columns for folds in column.repeats)


def tasks(data: Data, columns: list[Column], methods: list[str]) -> Iterator:
    """Yield every method's work in every fold, for joblib."""
    for column in columns:
        for repeat, folds in enumerate(column.repeats):
            for method in methods:
                for training, held in folds:
                    yield delayed(fit_and_predict)(data, column.name, repeat, method, training, held)


def fit_and_predict(data: Data, name: str, repeat: int, method: str, training: np.ndarray, held: np.ndarray) -> tuple:
    """Fit one method in one fold; return the position of its results, the assays to score and the predictions."""
    rows, rest = data.take(training), data.take(held)
    fitted = (~np.isnan(rows.targets)).sum(axis=0) >= LEAST_MEASURED
    rows = replace(rows, targets=np.where(fitted, rows.targets, np.nan))
    without = replace(rest, targets=np.full(rest.targets.shape, np.nan))  # no method sees the held-out assays
    return name, repeat, method, held, np.where(fitted, rest.targets, np.nan), predict(method, rows, without)
