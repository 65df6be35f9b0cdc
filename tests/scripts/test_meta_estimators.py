"""challenge/meta_estimators.py: scikit-learn's checks, gaps, targets without any assay, and limits."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.cross_decomposition import PLSRegression
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.utils.estimator_checks import estimator_checks_generator

from challenge.meta_estimators import LimitedRegressor, PerTargetRegressor

ESTIMATORS = [
    PerTargetRegressor(Ridge()),
    PerTargetRegressor(HistGradientBoostingRegressor(max_iter=5)),
    LimitedRegressor(Ridge()),
    LimitedRegressor(Ridge(), lowest=-np.inf),
    LimitedRegressor(PerTargetRegressor(PLSRegression(1)), lowest=-np.inf),
]
GAPS = {"check_supervised_y_no_nan": "a missing assay is NaN"}
POSITIVE = {"check_regressors_train": "the check uses negative targets, but assays are never negative"}


def case_name(value: object) -> str:
    """Return the name of a check's case: the estimator, or the check with its arguments."""
    if isinstance(value, BaseEstimator):
        return " ".join(repr(value).split())
    return value.func.__name__ + ",".join(f"{name}={argument}" for name, argument in value.keywords.items())


def expected_failures(estimator: BaseEstimator) -> dict[str, str]:
    gaps = GAPS if "PerTargetRegressor" in repr(estimator) else {}
    return gaps | (POSITIVE if getattr(estimator, "lowest", None) == 0 else {})


CHECKS = [
    case
    for estimator in ESTIMATORS
    for case in estimator_checks_generator(
        estimator, expected_failed_checks=expected_failures(estimator), mark="xfail", xfail_strict=True
    )
]


@pytest.mark.parametrize(("estimator", "check"), CHECKS, ids=case_name)
def test_scikit_learns_checks_pass(estimator: BaseEstimator, check) -> None:
    check(estimator)


@pytest.fixture
def data() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return inputs (40, 3) and targets (40, 3): one with gaps, one never measured, and one complete."""
    random = np.random.default_rng(2)
    inputs = pd.DataFrame(random.normal(size=(40, 3)), columns=["a", "b", "c"])
    targets = pd.DataFrame(9 + inputs.to_numpy() @ random.normal(size=(3, 3)), columns=["gaps", "never", "all"])
    targets.loc[5:15, "gaps"] = np.nan
    return inputs, targets.assign(never=np.nan)


def test_each_target_is_fitted_to_its_own_measured_rows(data) -> None:
    inputs, targets = data
    predicted = PerTargetRegressor(Ridge(0.1)).fit(inputs, targets).predict(inputs)
    for column in ("gaps", "all"):
        rows = targets[column].notna()
        separate = Ridge(0.1).fit(inputs[rows], targets[column][rows])
        column_predictions = predicted[:, targets.columns.get_loc(column)]
        np.testing.assert_allclose(column_predictions, separate.predict(inputs), rtol=1e-12)
    assert np.isnan(predicted[:, 1]).all()


def test_the_inner_regressor_sees_the_names_of_a_dataframe(data) -> None:
    inputs, targets = data
    model = LimitedRegressor(PerTargetRegressor(Ridge())).fit(inputs, targets)
    assert list(model.feature_names_in_) == list(model.regressor_.regressors_[0].feature_names_in_) == ["a", "b", "c"]
    with pytest.raises(ValueError, match="feature names"):
        model.predict(inputs[["b", "a", "c"]])


def test_predictions_of_one_target_have_one_dimension(data) -> None:
    inputs, targets = data
    for model in (
        PerTargetRegressor(Ridge()),
        LimitedRegressor(Ridge()),
        LimitedRegressor(PerTargetRegressor(Ridge())),
    ):
        assert model.fit(inputs, targets["all"]).predict(inputs).shape == (40,)


def test_a_target_that_cannot_be_fitted_is_named_in_the_error(data) -> None:
    inputs, targets = data
    few_targets = targets.assign(gaps=targets["gaps"].where(targets.index < 2))
    with pytest.raises(ValueError, match="n_components") as raised:
        PerTargetRegressor(PLSRegression(3)).fit(inputs, few_targets)
    assert raised.value.__notes__ == ["target gaps: number of measured rows that it was fitted to: 2"]
    with pytest.raises(ValueError, match="n_components") as raised:
        LimitedRegressor(PerTargetRegressor(PLSRegression(3))).fit(inputs, few_targets)
    assert "target gaps" in raised.value.__notes__[0]


def test_a_target_with_few_rows_is_predicted_as_their_mean(data) -> None:
    inputs, targets = data
    few_targets = targets.assign(gaps=targets["gaps"].where(targets.index < 2))
    predicted = PerTargetRegressor(PLSRegression(3), min_rows=3).fit(inputs, few_targets).predict(inputs)
    np.testing.assert_allclose(predicted[:, 0], targets["gaps"][:2].mean())
    assert np.isnan(predicted[:, 1]).all()
    np.testing.assert_array_equal(
        predicted[:, 2], PLSRegression(3).fit(inputs, few_targets["all"]).predict(inputs).ravel()
    )


def test_the_score_is_the_mean_r2_of_measured_rows(data) -> None:
    inputs, targets = data
    model = LimitedRegressor(PerTargetRegressor(Ridge(30.0))).fit(inputs, targets)
    predicted, rows = model.predict(inputs), targets["gaps"].notna()
    expected = [r2_score(targets["gaps"][rows], predicted[rows, 0]), r2_score(targets["all"], predicted[:, 2])]
    assert model.score(inputs, targets) == pytest.approx(np.mean(expected))


def test_a_grid_search_over_drill_holes_works_around_and_within_the_meta_estimator(data) -> None:
    inputs, targets = data
    holes = np.repeat(list("abcd"), 10)
    grid = {"alpha": [0.1, 1e6]}
    inside = PerTargetRegressor(GridSearchCV(Ridge(), grid, cv=GroupKFold(3))).fit(inputs, targets, groups=holes)
    assert [search and search.best_params_["alpha"] for search in inside.regressors_] == [0.1, None, 0.1]
    outside = GridSearchCV(PerTargetRegressor(Ridge()), {"regressor__alpha": [0.1, 1e6]}, cv=GroupKFold(3))
    assert outside.fit(inputs, targets, groups=holes).best_params_ == {"regressor__alpha": 0.1}


@pytest.mark.parametrize("beyond", [0.0, 1e-300, 0.1, 1.0, 2.0])
@pytest.mark.parametrize("seed", range(30))
def test_predictions_stay_within_the_limits(seed: int, beyond: float) -> None:
    random = np.random.default_rng(seed)
    assays = np.where(
        random.random((6, 2)) < 0.5,
        random.uniform(-10, random.choice([-5, 1, 1e6]), (6, 2)),
        random.choice([-10.0, -0.0, 0.0, 5e-324, 1e-9, 1.0, 1e6], (6, 2)),
    )
    assays[random.random((6, 2)) < random.choice([0.0, 0.3, 0.8, 1.0])] = np.nan

    class ExtremeRegressor(RegressorMixin, BaseEstimator):
        """A regressor that predicts far above every assay."""

        def fit(self, X, Y):
            return self

        def predict(self, X):
            return np.tile([[-1e9], [1e9]], (1, 2))

    model = LimitedRegressor(ExtremeRegressor(), beyond=beyond).fit(np.zeros((6, 1)), assays)
    for column, (low, high) in enumerate(model.predict(np.zeros((2, 1))).T):
        measured_rows = assays[:, column][~np.isnan(assays[:, column])]
        if not len(measured_rows):
            assert np.isnan([low, high]).all()
            continue
        spread = beyond * (measured_rows.max() - measured_rows.min())
        assert low == pytest.approx(max(measured_rows.min() - spread, 0))
        assert high == pytest.approx(max(measured_rows.max() + spread, 0))


class HeldOut(LinearRegression):
    """A regressor with held-out predictions that are far above every assay."""

    def fit(self, X, y):
        self.held_out_, self.test_fold_ = np.full(np.shape(y), 1e9), np.array([0, 1, 2, -1])
        self.held_out_[3] = np.nan
        return super().fit(X, y)


def test_held_out_predictions_stay_within_the_limits_of_the_other_folds() -> None:
    assays = np.array([[0.0, 7.0], [1.0, 7.0], [5.0, 7.0], [10.0, 7.0]])
    model = LimitedRegressor(HeldOut(), beyond=0.1).fit(np.eye(4), assays)
    expected = [[11.0 - 0.1, 7.0], [11.0, 7.0], [11.0, 7.0], [np.nan, np.nan]]
    np.testing.assert_allclose(model.held_out_, expected)
    assert not hasattr(LimitedRegressor(Ridge()).fit(np.eye(4), assays), "held_out_")


def test_a_pickled_model_makes_the_same_predictions(data) -> None:
    inputs, targets = data
    model = clone(LimitedRegressor(PerTargetRegressor(Ridge()))).fit(inputs, targets)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(inputs), model.predict(inputs))
