"""Do samples still come from where the training samples came from? A sequential test that may be repeated at any time.

Conformal test martingales (Vovk et al., Retrain or not retrain: conformal test martingales for change-point detection,
COPA 2021). A drill hole, or a sample whose hole is unknown, is a unit. If units are exchangeable with the holes of the
training, the rank of each new one among these and earlier ones is uniform, whatever the distribution of a statistic. A
martingale bets against that for each statistic: its value is the evidence of drift. By Ville's inequality, the evidence
of any of the statistics ever exceeds their number divided by the rate of false alarms with at most that probability.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from recore.production.containers.domain import FEWEST_HOLES, ROWS_OF_A_HOLE

Floats = NDArray[np.float64]

POWERS = (0.2, 0.5)  # of ranks near 0 and near 1, that bets are made with
SLOPES = (-1.6, 1.6)
JUMP = 0.02  # the share of the capital that is distributed to all bets again after each unit
SMALLEST_RANK = 1e-9
IDLE_HOURS = 24  # without a sample, after which a drill hole is complete


@dataclass(frozen=True)
class Unit:
    """Samples that are ranked together. hole: "" of a single sample. end: when it was complete. rows: its samples."""

    hole: str
    end: datetime
    rows: NDArray[np.intp]


@dataclass(frozen=True)
class Drift:
    """What the test found.

    evidence: (units, statistics). threshold: of the evidence. alarm: the number of the first unit with so much
    evidence, None without drift. statistic: the number of the one with most evidence. since: the number of the first
    unit of the change that this evidence is of.
    """

    evidence: Floats
    threshold: float
    alarm: int | None
    statistic: int
    since: int

    @property
    def most(self) -> float:
        """The most evidence until now."""
        return float(self.evidence.max()) if self.evidence.size else 1.0


class ReferenceUnits:
    """The drill holes of the training, as units of any number of samples.

    values: (rows, statistics). codes: (rows,), the number of each row's hole. With fewer than FEWEST_HOLES holes, each
    row is a unit, because so few holes say little about new ones. name: what messages call them.
    """

    def __init__(self, values: Floats, codes: NDArray[np.intp], name: str = "the training") -> None:
        self.values, self.name = values, name
        self.by_hole = len(np.unique(codes)) >= FEWEST_HOLES
        codes = codes if self.by_hole else np.arange(len(codes))
        self._rows = [values[codes == code] for code in np.unique(codes)]
        self._sorted: dict[int, Floats] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def sorted_means(self, samples: int) -> Floats:
        """The sorted means of the first samples of each hole, (units, statistics); 0 stands for one random sample."""
        if samples not in self._sorted:
            random = np.random.default_rng(0)
            chosen = [rows[:samples] if samples else rows[[random.integers(len(rows))]] for rows in self._rows]
            self._sorted[samples] = np.sort([rows.mean(axis=0) for rows in chosen], axis=0)
        return self._sorted[samples]


def detect_drift(reference: ReferenceUnits, values: Floats, units: Sequence[Unit], false_alarms: float) -> Drift:
    """Test units in their order. values: (samples, statistics). false_alarms: the probability of any, ever."""
    statistics = values.shape[1]
    threshold = statistics / false_alarms
    evidence = follow_evidence(rank_units(reference, values, units))
    if not len(evidence):
        return Drift(evidence, threshold, None, 0, 0)
    alarms = np.flatnonzero(evidence.max(axis=1) >= threshold)
    alarm = int(alarms[0]) if len(alarms) else None
    most = int(np.argmax(evidence.max(axis=1)))
    statistic = int(np.argmax(evidence[most]))
    before = np.concatenate([[1.0], evidence[:most, statistic]])  # the evidence before each unit
    lowest = len(before) - 1 - int(np.argmin(before[::-1]))
    return Drift(evidence, threshold, alarm, statistic, lowest)


def rank_units(reference: ReferenceUnits, values: Floats, units: Sequence[Unit]) -> Floats:
    """The rank of each unit among those of the training and earlier ones, (units, statistics), between 0 and 1.

    Equal values have random ranks between them.
    """
    random = np.random.default_rng(0)
    earlier: list[list[float]] = [[] for _ in range(values.shape[1])]
    ranks = np.empty((len(units), values.shape[1]))
    for number, unit in enumerate(units):
        means = values[unit.rows].mean(axis=0)
        training = reference.sorted_means(len(unit.rows) if unit.hole or not reference.by_hole else 0)
        shares = random.random(len(means))
        for place, mean in enumerate(means.tolist()):
            column, known = training[:, place], earlier[place]
            less = np.searchsorted(column, mean) + bisect_left(known, mean)
            not_more = np.searchsorted(column, mean, "right") + bisect_right(known, mean)
            total = len(column) + len(known) + 1
            ranks[number, place] = (less + shares[place] * (not_more - less + 1)) / total
            insort(known, mean)
    return ranks


def follow_evidence(ranks: Floats) -> Floats:
    """The evidence after each unit, (units, statistics), of the simple jumper martingale with several bets."""
    bets = _bet(ranks)  # (bets, units, statistics)
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


def _bet(ranks: Floats) -> Floats:
    """What each bet multiplies its capital by: functions of the rank with the mean 1."""
    low, high = np.maximum(ranks, SMALLEST_RANK), np.maximum(1 - ranks, SMALLEST_RANK)
    powers = [power * side ** (power - 1) for power in POWERS for side in (low, high)]
    slopes = [1 + slope * (ranks - 0.5) for slope in SLOPES]
    return np.stack([np.ones_like(ranks), *powers, *slopes])


def group_units(
    times: Sequence[datetime], holes: Sequence[str], by_hole: bool, now: datetime, are_complete: bool
) -> tuple[list[Unit], int]:
    """Return the units of samples in the order in which they were complete, and the number of samples that wait.

    times: ascending. holes: "" if unknown. A drill hole is complete with ROWS_OF_A_HOLE samples, or if none has arrived
    for IDLE_HOURS, at last at the time `now`; are_complete: all are complete at that time. Later samples of a complete
    hole belong to no unit.
    """
    units: list[Unit] = []
    open_holes: dict[str, list[int]] = {}  # the one without a sample for the longest time first
    complete: set[str] = set()

    def close(name: str, end: datetime) -> None:
        complete.add(name)
        units.append(Unit(name, end, np.array(open_holes.pop(name))))

    def close_idle(moment: datetime, hours: float = IDLE_HOURS) -> None:
        while open_holes:
            name, rows = next(iter(open_holes.items()))
            if (moment - times[rows[-1]]).total_seconds() < hours * 3600:
                break
            close(name, times[rows[-1]])

    for row, (time, hole) in enumerate(zip(times, holes, strict=True)):
        if not by_hole or not hole:
            units.append(Unit("", time, np.array([row])))
            continue
        close_idle(time)
        if hole not in complete:
            open_holes[hole] = [*open_holes.pop(hole, []), row]
            if len(open_holes[hole]) == ROWS_OF_A_HOLE:
                close(hole, time)
    close_idle(now, 0 if are_complete else IDLE_HOURS)
    return units, sum(map(len, open_holes.values()))
