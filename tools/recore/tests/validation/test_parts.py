"""Parts of a validation: its plan, its measures and its baselines."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import score
from hypothesis import example, given
from hypothesis import strategies as st
from recore_support.validations import TARGETS
from stagemaker_support.fuzzing import examples

from recore.check.predictions import r2
from recore.handover.hole_spread import HoleSums, measure_errors
from recore.validation.baselines import group_targets_by_rows, pls_path
from recore.validation.plan import Curve, choose_curve, make_plan, thin_rows
from recore.validation.prediction_errors import errors_table, format_errors, prediction_errors, r2_by_target
from recore.validation.validation import combine_folds


def test_thinning_keeps_every_hole() -> None:
    holes = np.repeat([f"H{index}" for index in range(10)], [5, 500, 500, 20, 500, 500, 500, 500, 500, 500])
    rows = thin_rows(holes, 800)
    counts = pd.Series(holes[rows]).value_counts()
    assert 780 <= len(rows) <= 800
    assert counts["H0"] == 5
    assert counts["H3"] == 20
    assert counts.drop(["H0", "H3"]).nunique() == 1
    assert (np.diff(rows) > 0).all()
    assert {0, 4, 5, 504, len(holes) - 1} <= set(rows.tolist())  # the first and the last row of a hole
    assert thin_rows(holes, 10_000).tolist() == list(range(len(holes)))
    many_holes = np.array([f"H{index}" for index in range(1000)])
    assert 400 <= len(thin_rows(many_holes, 500)) <= 500


def test_only_complete_cross_validations_have_predictions() -> None:
    holes = np.repeat([f"H{index}" for index in range(7)], 6).astype(object)
    required_fits, *optional = make_plan(holes, None, 2, 0)
    fits = [*required_fits, *(fit for stage in optional for fit in stage)]
    last_fit = fits[-1]
    outcomes = [(fit, None if fit is last_fit else np.ones((len(fit.held_out), 3))) for fit in fits]
    predictions, skipped_ones, failed_folds = combine_folds(outcomes, (len(holes), 3))
    assert (skipped_ones, failed_folds) == ([last_fit.cross_validation], {})
    assert sum(fit.cross_validation == last_fit.cross_validation for fit in fits) > 1
    assert predictions.keys() == {fit.cross_validation for fit in fits} - {last_fit.cross_validation}
    assert all((values == 1).all() for values in predictions.values())


def test_the_plan_holds_out_each_row_once_and_never_trains_on_its_hole() -> None:
    holes = np.repeat([f"H{index}" for index in range(7)], 6).astype(object)
    fits: dict[Any, list[Any]] = {}
    for fit in (
        fit
        for stage in make_plan(holes, choose_curve({"alpha_min": 1e-5, "alpha_max": 1e5}, None), 2, 0)
        for fit in stage
    ):
        fits.setdefault(fit.cross_validation, []).append(fit)
        assert not set(fit.training) & set(fit.held_out)
        assert fit.cross_validation.split == "rows" or not set(holes[fit.training]) & set(holes[fit.held_out])
        assert (
            fit.cross_validation.purpose != "learning" or len(set(holes[fit.training])) == fit.cross_validation.setting
        )
    assert {cross_validation.purpose for cross_validation in fits} == {"default", "curve", "learning"}
    for group in fits.values():
        assert sorted(np.concatenate([fit.held_out for fit in group])) == list(range(len(holes)))


def test_r2_equals_the_official_r2() -> None:
    random = np.random.default_rng(0)
    actual = pd.DataFrame(random.random((30, len(TARGETS))), columns=TARGETS)
    actual.iloc[:, 0], actual.iloc[1:, 1] = 0.1, np.nan
    predicted = pd.DataFrame(random.random((30, len(TARGETS))))
    expected = score.score(actual, predicted)[1]
    expected[0] = 0.0  # constant values whose computed mean differs in the last digit
    np.testing.assert_allclose(r2_by_target(actual.to_numpy(), predicted.to_numpy()), expected, rtol=1e-12)


@examples(60)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.booleans()), min_size=2, max_size=6))
@example([(2, 2, True), (2, 2, True)]).via("a constant target that is predicted exactly")
@example([(2, 2, True), (2, 3, True)]).via("a constant target that is not")
@example([(2, 2, True), (1, 2, False)]).via("fewer than two rows")
def test_r2_is_everywhere_that_of_score_py(rows: list[tuple[int, int, bool]]) -> None:
    actual = np.array([measured if is_known else np.nan for measured, _, is_known in rows])
    estimate = np.array([float(predicted) for _, predicted, _ in rows])
    shape = (len(rows), len(TARGETS))
    frames = (pd.DataFrame(np.broadcast_to(each[:, None], shape), columns=TARGETS) for each in (actual, estimate))
    expected = score.score(*frames)[1][0]
    np.testing.assert_allclose(r2_by_target(actual[:, None], estimate[:, None]), [expected], rtol=1e-12)
    assert r2(estimate, actual) == pytest.approx(np.nan_to_num(expected), rel=1e-12)
    if not np.isnan(expected):
        known = ~np.isnan(actual)
        card, _ = measure_errors(actual[known], estimate[known], HoleSums(np.arange(known.sum())))
        assert card.value == pytest.approx(expected, rel=1e-9)


def test_target_errors_match_known_values() -> None:
    measured = np.array(
        [[1, 1, 1, 1], [2, 2, np.nan, 2], [3, 3, np.nan, 3], [4, 4, np.nan, 4], [5, 5, np.nan, 5]], float
    )
    predicted = measured + np.array([1, 0, 0, -2])
    errors = errors_table(["AgPPM", "AsPPM", "FePCT", "TePPB"], measured, predicted)
    assert errors["unit"].to_dict() == {"AgPPM": "ppm", "AsPPM": "ppm", "FePCT": "%", "TePPB": "ppb"}
    np.testing.assert_allclose(errors["RMSE"], [1, 0, np.nan, 2])
    np.testing.assert_allclose(errors["bias"], [1, 0, np.nan, -2])
    np.testing.assert_allclose(errors["RPIQ"], [2, np.nan, np.nan, 1])
    np.testing.assert_allclose(errors["slope"], [1, 1, np.nan, 1])
    np.testing.assert_allclose(errors["intercept"], [-1, 0, np.nan, 2], atol=1e-12)
    assert errors["rows"].tolist() == [5, 5, 1, 5]


def test_slope_and_intercept_are_undefined_for_constant_predictions() -> None:
    errors = prediction_errors(np.arange(5.0), np.full(5, 2.0))
    assert errors["RPD"] == pytest.approx(np.std(np.arange(5), ddof=1) / np.sqrt(2))
    assert np.isnan([errors["slope"], errors["intercept"]]).all()
    assert format_errors(errors, "CuPPM") == "n 5, R2 0.000, RMSE 1.414 ppm, bias +0 ppm, RPD 1.12, RPIQ 1.41"


def test_the_pls_path_equals_separate_fits() -> None:
    from sklearn.cross_decomposition import PLSRegression

    random = np.random.default_rng(0)
    x, y = random.normal(size=(40, 8)), random.normal(size=(40, 3))
    y[:, 0] += x[:, 0]
    path = pls_path(x, y, x[:5])
    for number in (1, 3, 6):
        scaled = (y - y.mean(axis=0)) / y.std(axis=0)
        expected = PLSRegression(number, scale=False).fit(x, scaled).predict(x[:5]) * y.std(axis=0) + y.mean(axis=0)
        np.testing.assert_allclose(path[number], expected, rtol=1e-6, atol=1e-8)


def test_scattered_gaps_are_filled_for_baselines_and_blocks_are_not() -> None:
    y = np.random.default_rng(0).random((20, 12))
    y[:10, :4] = np.nan
    parts = list(group_targets_by_rows(y))
    assert sorted(len(rows) for rows, _, _ in parts) == [10, 20]
    y[np.arange(12), np.arange(12)] = np.nan
    ((rows, columns, filled_targets),) = group_targets_by_rows(y)
    assert (len(rows), len(columns)) == y.shape
    assert filled_targets[0, 11] == y[0, 11]
    assert filled_targets[0, 0] == pytest.approx(np.nanmean(y[:, 0]))


def test_the_curve_depends_on_fits_hyperparameters() -> None:
    alpha = choose_curve({"alpha_min": 0.01, "alpha_max": 100.0, "alphas": 31, "depth": 3}, None)
    assert alpha is not None
    assert (alpha.name, len(alpha.values), alpha.values[-1]) == ("alpha", 11, 100.0)
    assert alpha.arguments(1.0) == {"alpha_min": 1.0, "alpha_max": 1.0, "alphas": 1}
    pls = choose_curve({"n_components": 15, "random_state": 0}, None)
    assert pls == Curve("n_components", (2, 4, 8, 15, 30, 60), 15, {})
    assert pls.arguments(4) == {"n_components": 4}
    hyperparameters = {"n_components": 20, "learning_rate": 0.1, "shift": 0.0}
    assert choose_curve(hyperparameters, None) is None
    assert choose_curve({"alpha": 0.0}, None) is None
    rate = choose_curve(hyperparameters, "learning_rate")
    assert rate is not None
    np.testing.assert_allclose(rate.values, [1e-4, 1e-3, 0.01, 0.1, 1, 10, 100])
    components = choose_curve(hyperparameters, "n_components=8,2")
    assert components is not None
    assert components.values == (2, 8, 20)


@pytest.mark.parametrize(
    ("option", "reason"),
    [
        ("depth", "numeric hyperparameters: n_components, shift"),
        ("n_components=2,x", "integers separated by commas"),
        ("n_components=", "integers separated by commas"),
        ("shift=nan", "numbers separated by commas"),
        ("shift", "--curve shift=1,2,4"),
    ],
)
def test_an_invalid_curve_option_is_rejected(option: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        choose_curve({"n_components": 5, "shift": 0.0}, option)
