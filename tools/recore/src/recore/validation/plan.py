"""The fits of a validation, with their training and held-out rows, most important first."""

import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from recore.spectral_data import Rows, rows_by_group
from stagemaker import parse_number

ALPHA = "alpha"  # one regularisation strength for all targets, set by the two hyperparameters in LIMITS
LIMITS = ("alpha_min", "alpha_max")
ALPHA_POINTS = 11
FACTORS = {int: (1 / 8, 1 / 4, 1 / 2, 1, 2, 4), float: (0.001, 0.01, 0.1, 1, 10, 100, 1000)}  # multiples of the default
UNTUNED_NAMES = {"n_jobs", "random_state", "seed", "verbose"}  # integers, which are varied only on request


@dataclass(frozen=True)
class Curve:
    """A hyperparameter to vary. default: its default value, or None for ALPHA, whose default differs by target."""

    name: str
    values: tuple[float, ...]
    default: float | None
    fixed: Mapping[str, Any]  # other hyperparameters of each fit

    def arguments(self, value: float) -> dict[str, Any]:
        """Return the arguments of fit() for one value."""
        return dict.fromkeys(LIMITS if self.default is None else (self.name,), value) | dict(self.fixed)


def choose_curve(defaults: Mapping[str, float], option: str | None) -> Curve | None:
    """Return the curve to draw: `option` (NAME or NAME=1,2,4) or, if it is None, the default curve, if any.

    defaults: the numeric hyperparameters of fit(). The default curve covers the range from alpha_min to alpha_max if
    fit() has both, otherwise its only numeric hyperparameter. Raises ValueError if `option` is invalid.
    """
    has_alphas = set(LIMITS) <= set(defaults) and ALPHA not in defaults
    tunable = [ALPHA] if has_alphas else [name for name in defaults if name not in UNTUNED_NAMES]
    if option is None:
        if len(tunable) != 1 or defaults.get(tunable[0], 1) <= 0:
            return None
        option = tunable[0]
    name, equals, value_list = option.partition("=")
    names = [*([ALPHA] if has_alphas else []), *defaults]
    if name not in names:
        listed = f"fit() has these numeric hyperparameters: {', '.join(names)}" if names else "fit() has none"
        raise ValueError(f"--curve {option}: {name!r} is not a numeric hyperparameter; {listed}")
    if name == ALPHA and has_alphas:
        fixed_values = {"alphas": 1} if "alphas" in defaults else {}  # fit() should try the one strength once
        low, high = sorted(defaults[each] for each in LIMITS)
        if value_list:
            values = _parse(option, value_list, float)
        elif low != high:
            values = tuple(np.geomspace(low, high, ALPHA_POINTS).tolist())
        else:  # decades around the single value
            values = tuple(low * factor for factor in FACTORS[float])
        return Curve(name, values, None, fixed_values)
    default = defaults[name]
    kind = int if isinstance(default, int) else float
    if equals:
        values = _parse(option, value_list, kind)
    elif default > 0:
        values = tuple(max(1, round(default * each)) if kind is int else default * each for each in FACTORS[kind])
    else:
        raise ValueError(
            f"--curve {name}: its default, {default}, is not positive; specify values, as in --curve {name}=1,2,4"
        )
    return Curve(name, tuple(sorted({*values, default})), default, {})


def _parse(option: str, value_list: str, kind: type[int] | type[float]) -> tuple[float, ...]:
    """Parse values such as 1,2,4. Raises ValueError if any value is not a number of the given kind."""
    numbers = value_list.split(",")
    with suppress(ValueError):
        values = {kind(each) for each in numbers}
        if all(parse_number(each) is not None for each in numbers):
            return tuple(sorted(values))
    kind_name = "integers" if kind is int else "numbers"
    raise ValueError(f"--curve {option}: the values must be {kind_name} separated by commas, as in NAME=1,2,4")


FOLDS = 5
LEARNING_SHARES = (1 / 4, 1 / 2)  # of the training holes; the last point of a learning curve uses all training holes

Split = Literal["holes", "rows"]  # what is held out together
Purpose = Literal["default", "curve", "learning"]
SPLITS: tuple[Split, ...] = ("holes", "rows")
SPLIT_NAMES: dict[Split, str] = {"holes": "held-out drill holes", "rows": "held-out rows"}


@dataclass(frozen=True)
class CrossValidation:
    """A cross-validation. Its fits hold out each row once.

    purpose: "default" for fits with default hyperparameters, "curve" with a different value of one hyperparameter,
    "learning" with only some of the training holes. setting: the repeat, the value, or the number of holes.
    """

    split: Split
    purpose: Purpose
    setting: float


@dataclass(frozen=True)
class FoldFit:
    """A fit of a cross-validation. arguments: hyperparameters that differ from the defaults."""

    cross_validation: CrossValidation
    training: Rows
    held_out: Rows
    arguments: Mapping[str, Any] = field(default_factory=dict)


def thin_rows(holes: NDArray[Any], limit: int) -> Rows:
    """Return at most `limit` rows: the same number from each hole, evenly spaced, or all rows of a hole with fewer.

    If there are more holes than `limit`, every k-th hole contributes one row.
    """
    if len(holes) <= limit:
        return np.arange(len(holes))
    rows_of_holes = list(rows_by_group(holes).values())
    rows_of_holes = rows_of_holes[:: math.ceil(len(rows_of_holes) / limit)]
    sizes = np.array(list(map(len, rows_of_holes)))
    candidates = range(1, min(limit, int(sizes.max())) + 1)
    per_hole = max(number for number in candidates if np.minimum(sizes, number).sum() <= limit)
    positions = [np.linspace(0, size - 1, min(size, per_hole)).round().astype(int) for size in sizes]
    return np.sort(np.concatenate([rows[picked] for rows, picked in zip(rows_of_holes, positions, strict=True)]))


def make_folds(holes: NDArray[Any], split: Split, seed: int | None = None) -> list[tuple[Rows, Rows]]:
    """Return (training rows, held-out rows) of each fold, or an empty list if there is only one hole or row.

    seed: the random seed for shuffled folds, or None for the folds of the template's train.py.
    """
    from sklearn.model_selection import GroupKFold

    groups = holes.astype(str) if split == "holes" else np.arange(len(holes))
    count = min(FOLDS, len(set(groups.tolist())))
    if count < 2:
        return []
    return list(GroupKFold(count, shuffle=seed is not None, random_state=seed).split(holes, groups=groups))


def make_plan(holes: NDArray[Any], curve: Curve | None, repeats: int, seed: int) -> list[list[FoldFit]]:
    """Return the fits in stages, most important first. Every report needs the first stage; the others are optional.

    Only the decisive split is repeated: held-out drill holes, or rows if there is only one hole. It is not repeated if
    each hole is a fold, because the folds would be the same for every seed.
    """
    folds = {split: make_folds(holes, split) for split in SPLITS}
    varied = {value: curve.arguments(value) for value in curve.values if value != curve.default} if curve else {}
    total = len(set(holes.tolist()))
    repeated: Split = "rows" if total == 1 else "holes"

    def default_fits(split: Split, repeat: int = 0) -> list[FoldFit]:
        drawn = make_folds(holes, split, seed + repeat - 1) if repeat else folds[split]
        return [FoldFit(CrossValidation(split, "default", repeat), *parts) for parts in drawn]

    def curve_fits(split: Split) -> list[FoldFit]:
        return [
            FoldFit(CrossValidation(split, "curve", value), *parts, arguments)
            for value, arguments in varied.items()
            for parts in folds[split]
        ]

    more_seeds = [default_fits(repeated, repeat) for repeat in range(1, repeats if total == 1 or total > FOLDS else 1)]
    return [
        [*default_fits("holes"), *default_fits("rows")],
        *more_seeds[:1],
        curve_fits("holes"),
        list(_learning_fits(holes, folds["holes"], seed)),
        curve_fits("rows"),
        *more_seeds[1:],
    ]


def _learning_fits(holes: NDArray[Any], folds: list[tuple[Rows, Rows]], seed: int) -> Iterator[FoldFit]:
    """Yield fits on random holes of each training part. Fits on the entire part are among the default fits."""
    parts = [list(rows_by_group(holes[training]).values()) for training, _ in folds]
    smallest = min(map(len, parts), default=0)
    sizes = {max(1, round(share * smallest)) for share in LEARNING_SHARES} - {smallest}
    for size in sorted(sizes):
        for number, ((training, held_out), rows_of_holes) in enumerate(zip(folds, parts, strict=True)):
            order = np.random.default_rng([seed, number]).permutation(len(rows_of_holes))  # the same for every size
            rows = np.concatenate([training[rows_of_holes[hole]] for hole in order[:size]])
            yield FoldFit(CrossValidation("holes", "learning", size), np.sort(rows), held_out)
