"""Which hyperparameter of fit() a validation varies, and over which values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stagemaker import parse_number

ALPHA = "alpha"  # one regularisation strength for all targets, by the two hyperparameters that limit it
LIMITS = ("alpha_min", "alpha_max")
ALPHA_POINTS = 11
FACTORS = {int: (1 / 8, 1 / 4, 1 / 2, 1, 2, 4), float: (0.001, 0.01, 0.1, 1, 10, 100, 1000)}  # of the default
NOT_TUNED = {"n_jobs", "random_state", "seed", "verbose"}  # numbers that are not drawn unless they are named


@dataclass(frozen=True)
class Curve:
    """A hyperparameter to vary. default: its default value; None for ALPHA, which has one for each target."""

    name: str
    values: tuple[float, ...]
    default: float | None
    fixed: Mapping[str, Any]  # other hyperparameters of each fit

    def arguments(self, value: float) -> dict[str, Any]:
        """What fit() is called with at one value."""
        return dict.fromkeys(LIMITS if self.default is None else (self.name,), value) | dict(self.fixed)


def choose_curve(defaults: Mapping[str, float], wanted: str | None) -> Curve | None:
    """The curve to draw: the one that is wanted, NAME or NAME=1,2,4, otherwise the one that fit() suggests, if any.

    defaults: the numeric hyperparameters of fit(), which suggests the range from alpha_min to alpha_max if it has both,
    otherwise its only numeric hyperparameter. Raises ValueError if `wanted` is invalid.
    """
    has_alphas = set(LIMITS) <= set(defaults) and ALPHA not in defaults
    tunable = [ALPHA] if has_alphas else [name for name in defaults if name not in NOT_TUNED]
    if wanted is None:
        if len(tunable) != 1 or defaults.get(tunable[0], 1) <= 0:
            return None
        wanted = tunable[0]
    name, equals, text = wanted.partition("=")
    names = [*([ALPHA] if has_alphas else []), *defaults]
    if name not in names:
        listed = f"fit() has these numeric hyperparameters: {', '.join(names)}" if names else "fit() has none"
        raise ValueError(f"--curve {wanted}: {name!r} is not a numeric hyperparameter; {listed}")
    if name == ALPHA and has_alphas:
        fixed = {"alphas": 1} if "alphas" in defaults else {}  # one strength is tried once
        low, high = sorted(defaults[each] for each in LIMITS)
        values = _parse(wanted, text, float) if text else _alphas(low, high)
        return Curve(name, values, None, fixed)
    default = defaults[name]
    kind = int if isinstance(default, int) else float
    if equals:
        values = _parse(wanted, text, kind)
    elif default > 0:
        values = tuple(max(1, round(default * each)) if kind is int else default * each for each in FACTORS[kind])
    else:
        raise ValueError(f"--curve {name}: its default is {default}, so name the values, as in --curve {name}=1,2,4")
    return Curve(name, tuple(sorted({*values, default})), default, {})


def _alphas(low: float, high: float) -> tuple[float, ...]:
    """Strengths from low to high, or decades around the only one."""
    if low == high:
        return tuple(low * factor for factor in FACTORS[float])
    return tuple(float(each) for each in np.geomspace(low, high, ALPHA_POINTS))


def _parse(wanted: str, text: str, kind: type[int] | type[float]) -> tuple[float, ...]:
    """Values such as 1,2,4. Raises ValueError if one of them is not a number of that kind."""
    texts = text.split(",")
    try:
        values: Sequence[float] = [kind(each) for each in texts]
    except ValueError:
        values = []
    if not values or any(parse_number(each) is None for each in texts):
        what = "whole numbers" if kind is int else "numbers"
        raise ValueError(f"--curve {wanted}: the values must be {what} separated by commas, as in NAME=1,2,4")
    return tuple(sorted(set(values)))
