"""Detect drift with a sequential test of whether samples follow the training samples' distribution.

The test, which can be repeated at any time, uses conformal test martingales (Vovk et al., Retrain or not retrain:
conformal test martingales for change-point detection, COPA 2021). A unit contains the samples from one drill hole, or
one day's samples from unknown holes. If units are exchangeable with the training holes, the rank of each new unit among
the training holes and earlier units is uniform, whatever the distribution of a statistic. For each statistic, a
martingale bets against uniform ranks, and its value is the evidence of drift. By Ville's inequality, the probability
that, without drift, any evidence ever reaches (number of statistics) / (false alarm rate) is at most that rate.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from recore.production.containers.domain import MIN_HOLES, ROWS_PER_HOLE
from recore.spectral_data import Floats

POWERS = (0.2, 0.5)  # exponents of bets on ranks near 0 and near 1
SLOPES = (-1.6, 1.6)
JUMP = 0.02  # the share of the capital that is redistributed equally to all bets after each unit
MIN_RANK = 1e-9
IDLE_HOURS = 24  # a drill hole is complete after this time without a sample


@dataclass(frozen=True)
class Unit:
    """Samples that are ranked together. hole: "" if unknown. end: the time of completion. rows: the samples' rows."""

    hole: str
    end: datetime
    rows: NDArray[np.intp]


@dataclass(frozen=True)
class Drift:
    """The result of the test. evidence: (units, statistics). threshold: the evidence that counts as drift.

    alarm: the first unit that reaches the threshold, or None without drift. statistic: the statistic with the most
    evidence. since: the unit at which this statistic began to change.
    """

    evidence: Floats
    threshold: float
    alarm: int | None
    statistic: int
    since: int

    @property
    def max_evidence(self) -> float:
        """The maximum evidence so far."""
        return float(self.evidence.max()) if self.evidence.size else 1.0


class ReferenceUnits:
    """The training data's drill holes, with which new units are compared.

    values: (rows, statistics). codes: (rows,), the number of each row's hole. size: the maximum number of samples in a
    unit; at least half of the holes have this many.
    """

    def __init__(self, values: Floats, codes: NDArray[np.intp], name: str = "all drill holes") -> None:
        self.values, self.name = values, name
        rows = [values[codes == code] for code in np.unique(codes)]
        lengths = sorted(map(len, rows), reverse=True)
        enough = min(max(MIN_HOLES, (len(rows) + 1) // 2), len(rows))
        self.size = min(lengths[enough - 1], ROWS_PER_HOLE) if rows else 0
        self.means = mean_first_groups(rows, self.size)

    def __len__(self) -> int:
        return len(self.means)


def mean_first_groups(groups: Sequence[Floats], size: int) -> Floats:
    """Return running means of each group's first `size` rows, (groups, size, statistics), NaN after its last row."""
    means = np.full((len(groups), size, groups[0].shape[1] if len(groups) else 0), np.nan)
    for number, rows in enumerate(groups):
        known = min(len(rows), size)
        means[number, :known] = np.cumsum(rows[:known], axis=0) / np.arange(1, known + 1)[:, None]
    return means


def detect_drift(reference: ReferenceUnits, values: Floats, units: Sequence[Unit], false_alarms: float) -> Drift:
    """Test units in order. values: (samples, statistics). false_alarms: the maximum probability of a false alarm."""
    statistics = values.shape[1]
    threshold = statistics / false_alarms
    evidence = follow_evidence(rank_units(reference, values, units))
    if not len(evidence):
        return Drift(evidence, threshold, None, 0, 0)
    alarms = np.flatnonzero(evidence.max(axis=1) >= threshold)
    alarm = int(alarms[0]) if len(alarms) else None
    most = int(np.argmax(evidence.max(axis=1)))
    statistic = int(np.argmax(evidence[most]))
    # a hole may have begun before others that were complete earlier
    order = sorted(range(most + 1), key=lambda number: units[number].rows[0])
    ranks = rank_units(reference, values, [units[number] for number in order], among_earlier=False)[:, statistic]
    return Drift(evidence, threshold, alarm, statistic, order[find_change(ndtri(ranks))])


def rank_units(reference: ReferenceUnits, values: Floats, units: Sequence[Unit], among_earlier: bool = True) -> Floats:
    """Return each unit's rank (0 to 1) among the training units and, by default, earlier units, (units, statistics).

    Means over equal numbers of samples are compared; units with fewer samples are ignored. Ties are broken at random.
    """
    shares = np.random.default_rng(0).random((len(units), values.shape[1]))
    ranks = np.empty_like(shares)
    if not len(units):
        return ranks
    new = mean_first_groups([values[unit.rows] for unit in units], reference.size)
    means = np.concatenate([reference.means, new])
    for number, unit in enumerate(units):
        last = min(len(unit.rows), reference.size) - 1
        others = means[: len(reference) + (number if among_earlier else 0), last]
        less, equal = (others < new[number, last]).sum(axis=0), (others == new[number, last]).sum(axis=0)
        ranks[number] = (less + shares[number] * (equal + 1)) / (np.isfinite(others[:, 0]).sum() + 1)
    return ranks


def find_change(scores: Floats) -> int:
    """Return the index from which the mean of scores (units,) most probably differs from 0.

    The index maximises the generalised likelihood ratio (Siegmund & Venkatraman, Annals of Statistics 23, 1995).
    """
    sums = np.cumsum(scores[::-1])[::-1]
    return int(np.argmax(sums**2 / np.arange(len(scores), 0, -1)))


def follow_evidence(ranks: Floats) -> Floats:
    """Return the evidence after each unit, (units, statistics). It is a simple jumper martingale with several bets."""
    bets = _place_bets(ranks)  # (bets, units, statistics)
    capital = np.full((len(bets), ranks.shape[1]), 1 / len(bets))
    logarithm = np.zeros(ranks.shape[1])
    evidence = np.empty_like(ranks)
    for number in range(len(ranks)):
        capital = ((1 - JUMP) * capital + JUMP / len(bets)) * bets[:, number]
        total = capital.sum(axis=0)
        logarithm += np.log(total)
        capital /= total
        evidence[number] = logarithm
    return np.exp(np.minimum(evidence, 700))


def _place_bets(ranks: Floats) -> Floats:
    """Return the factors by which each bet's capital changes. Their expected value is 1 if the ranks are uniform."""
    low, high = np.maximum(ranks, MIN_RANK), np.maximum(1 - ranks, MIN_RANK)
    powers = [power * side ** (power - 1) for power in POWERS for side in (low, high)]
    slopes = [1 + slope * (ranks - 0.5) for slope in SLOPES]
    return np.stack([np.ones_like(ranks), *powers, *slopes])


def group_units(
    times: Sequence[datetime], holes: Sequence[str], size: int, now: datetime, are_complete: bool
) -> tuple[list[Unit], int]:
    """Return the complete units, in order of completion, and the number of samples in incomplete units.

    times: ascending. holes: "" if unknown; samples from unknown holes form a unit per UTC day. A unit is complete after
    `size` samples, or IDLE_HOURS after its last; later ones are ignored. are_complete: whether `now` completes all.
    """
    units: list[Unit] = []
    open_units: dict[str | date, list[int]] = {}  # in order of their latest samples
    complete: set[str | date] = set()

    def close(name: str | date, end: datetime) -> None:
        complete.add(name)
        units.append(Unit(name if isinstance(name, str) else "", end, np.array(open_units.pop(name))))

    def close_idle(moment: datetime, hours: float = IDLE_HOURS) -> None:
        while open_units:
            name, rows = next(iter(open_units.items()))
            if (moment - times[rows[-1]]).total_seconds() < hours * 3600:
                break
            close(name, times[rows[-1]])

    for row, (time, hole) in enumerate(zip(times, holes, strict=True)):
        close_idle(time)
        name = hole or time.date()
        if name not in complete:
            open_units[name] = [*open_units.pop(name, []), row]
            if len(open_units[name]) == size:
                close(name, time)
    close_idle(now, -math.inf if are_complete else IDLE_HOURS)
    return units, sum(map(len, open_units.values()))
