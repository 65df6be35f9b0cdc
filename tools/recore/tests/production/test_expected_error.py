"""The expected errors and intervals: their definition on small data, and their coverage on held-out drill holes."""

import json
from pathlib import Path

import numpy as np
import pytest
import train
from hypothesis import given
from hypothesis import strategies as st
from recore_support.schema import HOLE, TARGETS
from stagemaker_support.fuzzing import examples
from support.data_files import write_gz

from recore.dataset.sample_files import Plan, make_sample
from recore.production.containers.expected_error import (
    TAILS,
    CalibrationError,
    calibrate,
    choose_tail,
    conformal_quantiles,
    expected_error,
    read_assays,
    read_held_out,
)


def coverage(held_out: np.ndarray, assays: np.ndarray, holes: np.ndarray, calibrated: np.ndarray) -> float:
    """Calibrate on some holes. Return the intervals' coverage of other holes' assays, averaged over targets."""
    rows = np.isin(holes, calibrated)
    calibration = json.loads(json.dumps(calibrate(held_out[rows], assays[rows], holes[rows], TARGETS)))
    shares = []
    for name, predicted, measured in zip(TARGETS, held_out[~rows].T, assays[~rows].T, strict=True):
        _, low, high = expected_error(calibration, name, predicted)
        is_known = np.isfinite(low) & np.isfinite(measured)
        if is_known.any():
            shares.append(np.mean((low <= measured)[is_known] & (measured <= high)[is_known]))
    return float(np.mean(shares))


@pytest.mark.parametrize(
    "plan",
    [
        Plan(rows=1200, holes=40, channels=171, seed=0, missing=0),
        pytest.param(Plan(channels=171, seed=1, missing=0), marks=pytest.mark.slow),
        pytest.param(Plan(rows=1500, holes=40, channels=171, seed=3, missing=0), marks=pytest.mark.slow),
    ],
    ids=lambda plan: f"{plan.holes} holes, seed {plan.seed}",
)
def test_intervals_cover_ninety_per_cent_of_the_assays_of_other_holes(plan: Plan, tmp_path: Path) -> None:
    make_sample(tmp_path, plan)
    inputs, targets, holes = train.read(str(tmp_path / "public/public.csv.gz"))
    held_out = train.hold_out(inputs, targets, holes, 5, {}).to_numpy()
    names = np.random.default_rng(0).permutation(np.unique(holes))
    for calibrated in (names[::2], names[1::2]):
        assert 0.85 < coverage(held_out, targets.to_numpy(), holes, calibrated) < 0.95


def make_errors(holes: int, rows: int, hole_fraction: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a target's predictions, assays and holes. hole_fraction: fraction of the error variance between holes."""
    random = np.random.default_rng(0)
    names = np.repeat(np.arange(holes).astype(str), rows)
    errors = np.repeat(random.normal(0, np.sqrt(hole_fraction), holes), rows)
    errors += random.normal(0, np.sqrt(1 - hole_fraction), holes * rows)
    predicted = random.uniform(100, 200, holes * rows)
    return predicted, predicted + errors, names


def test_errors_that_a_hole_has_in_common_make_intervals_wider() -> None:
    narrow_tail, wide_tail = (choose_tail([make_errors(12, 80, share)]) for share in (0.0, 0.8))
    assert wide_tail < 0.035 < narrow_tail <= TAILS[0]


def test_the_expected_error_is_the_error_of_similar_predictions() -> None:
    random = np.random.default_rng(1)
    predicted = random.uniform(10, 100, 2000)
    measured = predicted + random.normal(0, predicted / 10)
    holes = np.arange(2000).astype(str)
    calibration = calibrate(predicted[:, None], measured[:, None], holes, ["CuPPM"])
    error, low, high = expected_error(calibration, "CuPPM", np.array([20.0, 90.0, 1e6, np.nan]))
    assert error[:2] == pytest.approx([2, 9], rel=0.25)
    assert (high - low)[:2] == pytest.approx([2 * 1.645 * 2, 2 * 1.645 * 9], rel=0.25)
    last = expected_error(calibration, "CuPPM", np.array([100.0]))[0]
    assert error[2] == last[0]  # constant beyond the last bin
    assert np.isnan([error[3], low[3], high[3]]).all()
    assert calibration["targets"]["CuPPM"]["range"] == [measured.min(), measured.max()]


def test_an_interval_has_no_negative_assays() -> None:
    predicted, measured, holes = make_errors(5, 20, 0.0)
    calibration = calibrate(predicted[:, None] - 100, measured[:, None] - 100, holes, ["CuPPM"])
    _, low, high = expected_error(calibration, "CuPPM", np.array([0.0, 0.01, 50.0]))
    assert low[:2].tolist() == [0, 0]
    assert (high >= low).all()
    assert low[2] > 0


@examples(100)
@given(
    errors=st.lists(st.floats(-1e6, 1e6), min_size=20, max_size=60),
    scale=st.floats(0, 1e6),
    new=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20),
)
def test_a_prediction_is_never_outside_of_its_interval(errors: list[float], scale: float, new: list[float]) -> None:
    predicted = np.linspace(0, scale, len(errors))
    holes = np.array([str(row % 3) for row in range(len(errors))])
    calibration = calibrate(predicted[:, None], (predicted + errors)[:, None], holes, ["SePPM"])
    values = np.array(new)
    _, low, high = expected_error(calibration, "SePPM", values)
    assert (low <= values).all()
    assert (values <= high).all()
    assert (high >= 0).all() or (predicted + errors).min() < 0  # negative only then


def test_equal_predictions_share_one_bin() -> None:
    random = np.random.default_rng(2)
    predicted = np.maximum(random.normal(0, 1, 1000), 0)  # half of them are 0
    measured = predicted + random.uniform(0, 1, 1000)
    calibration = calibrate(predicted[:, None], measured[:, None], np.arange(1000).astype(str), ["CuPPM"])
    medians = calibration["targets"]["CuPPM"]["curves"]["predicted"]
    assert medians[0] == 0
    assert (np.diff(medians) > 0).all()
    error, low, high = expected_error(calibration, "CuPPM", np.zeros(1))
    assert error == pytest.approx(np.sqrt(1 / 3), rel=0.1)
    assert (low[0], high[0]) == pytest.approx((0, 0.95), abs=0.03)  # the interval includes the prediction


def test_few_rows_have_no_expected_error() -> None:
    predicted, measured, holes = (values[:40] for values in make_errors(8, 5, 0.0))
    held_out = np.column_stack([predicted, predicted, np.full(40, np.nan), predicted])
    assays = np.column_stack([measured] * 3 + [np.full(40, np.nan)])
    held_out[19:, 1] = np.nan
    calibration = calibrate(held_out, assays, holes, ["a", "b", "c", "d"])
    results = {name: expected_error(calibration, name, predicted[:2]) for name in "abcd"}
    assert np.isfinite(results["a"]).all()
    assert np.isnan([results[name] for name in "bcd"]).all()
    assert calibration["targets"]["b"]["range"] == [measured.min(), measured.max()]
    assert calibration["targets"]["d"] == {"range": None, "curves": None}


def test_quantiles_are_corrected_for_the_number_of_errors() -> None:
    """A new error is below the smallest of 19 errors with a probability of 1 in 20, and likewise above the largest."""
    errors = np.random.default_rng(0).permutation(np.arange(19.0))
    quantiles = np.transpose(conformal_quantiles(errors, np.array([0.05, 0.1, 0.13, 0.0])))
    assert quantiles.tolist() == [[0, 18], [1, 17], [1, 17], [0, 18]]


def test_with_a_single_hole_rows_are_treated_as_independent() -> None:
    predicted, measured, _ = make_errors(4, 20, 0.9)
    assert choose_tail([(predicted, measured, np.full(80, "DD1"))]) == TAILS[0]
    assert choose_tail([]) == TAILS[0]


def test_files_are_read_by_the_names_of_their_columns(tmp_path: Path) -> None:
    (tmp_path / "held_out.csv").write_text("index,B,A\n1,2.5,\n2,,3\n")
    np.testing.assert_array_equal(read_held_out(tmp_path / "held_out.csv", ["A", "B"]), [[np.nan, 2.5], [3, np.nan]])
    data = write_gz(tmp_path / "public.csv.gz", ",B,SiteID,4000.5\n1,2,DD1,x\n2,,07,x\n")
    assays, holes = read_assays(data, ["A", "B"], HOLE)
    np.testing.assert_array_equal(assays, [[np.nan, 2], [np.nan, np.nan]])
    assert holes.tolist() == ["DD1", "07"]
    assert read_assays(write_gz(data, ",B\n1,2\n"), ["B"], HOLE)[1].tolist() == [""]


@pytest.mark.parametrize("content", ["", "index,A\n1,2\n", "index,A,B\n1,2,x\n", "index,A,B\n1,2\n"])
def test_an_unreadable_held_out_file_is_rejected_in_one_line(content: str, tmp_path: Path) -> None:
    (tmp_path / "held_out.csv").write_text(content)
    with pytest.raises(CalibrationError, match=r"\Aheld_out\.csv: .+\Z"):
        read_held_out(tmp_path / "held_out.csv", ["A", "B"])


def test_an_interval_is_cut_at_zero_only_if_no_assay_is_below() -> None:
    predicted = np.linspace(-30, -10, 60)
    measured = predicted + np.tile([-1.0, 1.0], 30)
    calibration = calibrate(predicted[:, None], measured[:, None], np.arange(60).astype(str), ["delta13C"])
    _, low, high = expected_error(calibration, "delta13C", np.array([-20.0]))
    assert (low[0], high[0]) == pytest.approx((-21, -19), abs=0.2)
