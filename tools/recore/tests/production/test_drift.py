"""The sequential test for drift: its false-alarm rate, the changes that it detects, and the units that it ranks."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stagemaker_support.fuzzing import examples

from recore.production.drift import ReferenceUnits, Unit, detect_drift, follow_evidence, group_units, rank_units

START = datetime(2026, 3, 2, 8, tzinfo=UTC)


def one_sample_units(count: int) -> list[Unit]:
    return [Unit(f"H{row}", START + timedelta(minutes=row), np.array([row])) for row in range(count)]


def draw(units: int, seed: int, statistics: int = 6) -> np.ndarray:
    """Return values (units, statistics) from a skewed distribution with correlated statistics."""
    random = np.random.default_rng(seed)
    return np.exp(random.normal(size=(units, statistics)) + random.normal(size=(units, 1)))


def test_false_alarms_are_not_more_frequent_than_stated() -> None:
    """An alarm may occur in at most 5% of the streams, however long they run."""
    alarms = 0
    for seed in range(300):
        values = draw(150, seed)
        reference = ReferenceUnits(values[:50], np.arange(50))
        alarms += detect_drift(reference, values[50:], one_sample_units(100), 0.05).alarm is not None
    assert alarms <= 15 + 9  # two standard deviations above 5%


def test_holes_of_unequal_size_are_compared_by_equal_numbers_of_samples() -> None:
    """The scatter within a hole is large, so a single sample is often extreme among means of twenty samples."""
    alarms = 0
    for seed in range(100):
        random = np.random.default_rng(seed)
        sizes = random.choice([1, 20], 120)
        codes = np.repeat(np.arange(120), sizes)
        values = random.normal(size=(120, 4))[codes] + random.normal(0, 3, (len(codes), 4))
        reference = ReferenceUnits(values[codes < 60], codes[codes < 60])
        rest = codes[codes >= 60]
        units = [Unit(f"H{code}", START, np.flatnonzero(rest == code)) for code in range(60, 120)]
        alarms += detect_drift(reference, values[codes >= 60], units, 0.05).alarm is not None
    assert alarms <= 5 + 5


@pytest.mark.parametrize("shift", [1.5, -1.5])
def test_a_change_is_found_and_dated(shift: float) -> None:
    values = draw(260, 7)
    values[160:, 2] *= np.exp(2 * shift)
    drift = detect_drift(ReferenceUnits(values[:60], np.arange(60)), values[60:], one_sample_units(200), 0.05)
    assert drift.alarm is not None
    assert 100 <= drift.alarm < 160
    assert abs(drift.since - 100) <= 3
    assert drift.statistic == 2
    assert drift.max_evidence >= drift.threshold == 6 / 0.05


def test_a_slow_change_is_found() -> None:
    values = draw(360, 8)
    values[60:, 0] *= np.exp(np.linspace(0, 4, 300))
    drift = detect_drift(ReferenceUnits(values[:60], np.arange(60)), values[60:], one_sample_units(300), 0.05)
    assert drift.alarm is not None
    assert drift.statistic == 0


def test_a_change_is_dated_by_the_start_of_a_hole() -> None:
    values = draw(180, 11)
    values[100:, 0] *= np.exp(6)
    units = one_sample_units(120)
    slow = Unit("slow", START + timedelta(days=2), np.array([2, 3]))
    units = [*units[:2], *units[4:90], slow, *units[90:]]
    drift = detect_drift(ReferenceUnits(values[:60], np.arange(60)), values[60:], units, 0.05)
    assert drift.alarm is not None
    assert abs(int(units[drift.since].rows[0]) - 40) <= 2


@examples(20)
@given(seed=st.integers(0, 10**6), looks=st.lists(st.integers(0, 60), min_size=1, max_size=3))
def test_a_later_look_does_not_change_earlier_evidence(seed: int, looks: list[int]) -> None:
    values = draw(100, seed)
    reference = ReferenceUnits(values[:40], np.arange(40))
    final = detect_drift(reference, values[40:], one_sample_units(60), 0.05).evidence
    for look in looks:
        evidence = detect_drift(reference, values[40 : 40 + look], one_sample_units(look), 0.05).evidence
        np.testing.assert_array_equal(evidence, final[:look])


def test_ranks_are_uniform_whatever_the_distribution() -> None:
    values = np.floor(draw(2000, 9))  # with many equal values
    ranks = rank_units(ReferenceUnits(values[:200], np.arange(200)), values[200:], one_sample_units(1800))
    for column in ranks.T:
        assert abs(np.histogram(column, 10, (0, 1))[0] - 180).max() < 60


@examples(30)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_bets_are_fair(ranks: list[float]) -> None:
    """Averaged over all possible ranks, the next evidence is at or slightly below the current evidence."""
    steps = (np.arange(2000) + 0.5) / 2000
    low, weights = steps**8 / 2, np.tile(steps**7 * 8 / 2, 2)  # more ranks near 0 and 1, where bets change steeply
    path_ranks = np.array(ranks)[:, None]
    current = follow_evidence(path_ranks)[-1, 0]
    path = np.repeat(path_ranks, 2 * len(steps), axis=1)
    next_values = follow_evidence(np.vstack([path, np.concatenate([low, 1 - low])]))[-1]
    mean = (next_values * weights).sum() / len(steps)
    assert 0.97 * current < mean < 1.001 * current  # bets win less than they could at ranks below MIN_RANK
    assert np.isfinite(next_values).all()


def test_a_drill_hole_is_one_unit_however_many_samples_it_has() -> None:
    """Holes differ: if their samples were treated as independent, nearly every new hole would raise an alarm."""
    random = np.random.default_rng(3)
    codes = np.repeat(np.arange(100), 10)
    values = random.normal(size=(100, 2))[codes] + 0.1 * random.normal(size=(1000, 2))
    times = [START + timedelta(minutes=row) for row in range(500)]
    holes = [f"H{code}" for code in codes[500:]]
    reference = ReferenceUnits(values[:500], codes[:500])
    units, waiting = group_units(times, holes, reference.size, times[-1], are_complete=True)
    assert (len(units), waiting) == (50, 0)
    drift = detect_drift(reference, values[500:], units, 0.05)
    assert drift.alarm is None
    assert drift.max_evidence < 10
    single = ReferenceUnits(values[:500], np.arange(500))
    assert detect_drift(single, values[500:], one_sample_units(500), 0.05).alarm is not None


@pytest.mark.parametrize(
    ("sizes", "size"),
    [([9] * 10, 9), ([30] * 12, 20), ([1] * 9 + [15] * 10, 15), ([1] * 10 + [15] * 10, 15), ([1] * 11 + [15] * 10, 1)],
)
def test_at_least_half_of_the_holes_and_ten_have_the_size_of_a_unit(sizes: list[int], size: int) -> None:
    codes = np.repeat(np.arange(len(sizes)), sizes)
    reference = ReferenceUnits(draw(len(codes), 1), codes)
    assert (len(reference), reference.size) == (len(sizes), size)


def test_a_hole_is_complete_after_twenty_samples_or_a_day() -> None:
    hours = [0, *np.arange(25) / 10, 3, 26, 26.5, 26.7, 26.9]
    times = [START + timedelta(hours=float(hour)) for hour in hours]
    holes = ["A", *["B"] * 25, "A", "C", "B", "", "A"]
    units, waiting = group_units(times, holes, 20, times[-1], are_complete=False)
    assert [(unit.hole, len(unit.rows)) for unit in units] == [("B", 20)]
    assert waiting == 5
    assert units[0].end == times[20]
    units, waiting = group_units(times, holes, 20, times[-1] + timedelta(hours=24), are_complete=False)
    assert [(unit.hole, len(unit.rows)) for unit in units] == [("B", 20), ("C", 1), ("", 1), ("A", 3)]
    assert waiting == 0
    units, waiting = group_units(times, holes, 20, times[-1], are_complete=True)
    assert [unit.hole for unit in units] == ["B", "C", "", "A"]


def test_samples_of_unknown_holes_are_one_unit_a_day() -> None:
    times = [START + timedelta(hours=hours) for hours in range(50)]  # from 8:00
    units, waiting = group_units(times, [""] * 50, 20, times[-1], are_complete=True)
    assert [len(unit.rows) for unit in units] == [20, 16, 10]  # in order of completion
    assert waiting == 0
    assert [unit.rows[0] for unit in units] == [16, 0, 40]


@examples(50)
@given(st.lists(st.tuples(st.floats(0, 30), st.sampled_from(["A", "B", "C", ""])), max_size=60), st.integers(0, 60))
def test_units_are_the_same_at_a_later_look(steps: list[tuple[float, str]], look: int) -> None:
    times = [START + timedelta(hours=hours) for hours in np.cumsum([hours for hours, _ in steps])]
    holes = [hole for _, hole in steps]
    look = min(look, len(times))
    now = times[look - 1] if look else START
    early, waiting = group_units(times[:look], holes[:look], 20, now, are_complete=False)
    late, _ = group_units(times, holes, 20, times[-1] if times else START, are_complete=False)
    assert [(unit.hole, unit.rows.tolist()) for unit in early] == [
        (unit.hole, unit.rows.tolist()) for unit in late[: len(early)]
    ]
    assert sum(len(unit.rows) for unit in early) + waiting <= look


def test_without_units_there_is_no_drift() -> None:
    drift = detect_drift(ReferenceUnits(draw(50, 0), np.arange(50)), np.empty((0, 6)), [], 0.05)
    assert (drift.alarm, drift.max_evidence) == (None, 1.0)
