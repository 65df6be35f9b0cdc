"""ridge.GroupRidgeCV compared with separate fits of each target and fold by scikit-learn's Ridge."""

import pickle
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.utils.estimator_checks import estimator_checks_generator
from support.checkout import ROOT
from support.exact_ridge import fit as exact_fit
from support.exact_ridge import predictions

from challenge import ridge
from challenge.ridge import GroupRidgeCV

ALPHAS = np.geomspace(1e-5, 1e5, 13)


def name_of(value: object) -> str:
    """Return the name of an estimator or a check, to be used as a pytest ID."""
    return getattr(getattr(value, "func", None), "__name__", repr(value))


ESTIMATORS = [GroupRidgeCV(), GroupRidgeCV(alphas=[1e-3], cv=2)]
CHECKS = [pair for estimator in ESTIMATORS for pair in estimator_checks_generator(estimator)]


@pytest.mark.parametrize(("estimator", "check"), CHECKS, ids=name_of)
@pytest.mark.filterwarnings("ignore")
def test_the_estimator_passes_scikit_learns_check(estimator: GroupRidgeCV, check: Callable) -> None:
    check(estimator)


def make_problem(
    rows: int, features: int, targets: int, missing: float, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return x (rows, features) of falling variance, y (rows, targets) with gaps and increasing noise, and 7 groups."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, features)) * np.geomspace(1, 1e-3, features) / np.sqrt(features)
    y = 3 + 10 * x @ random.normal(size=(features, targets))
    y += np.geomspace(0.03, 3, targets) * random.normal(size=y.shape)
    y[random.random(y.shape) < missing] = np.nan
    return x, y, np.arange(rows) * 7 // rows


@pytest.mark.parametrize(("rows", "features"), [(70, 10), (20, 30), (1, 4)])
def test_separate_fits_match_scikit_learn(rows: int, features: int) -> None:
    x, y, _ = make_problem(rows + 9, features, 1, 0.0)
    for alpha, predicted in predictions(x[:rows], y[:rows, 0], x, ALPHAS).items():
        expected = Ridge(alpha, solver="svd").fit(x[:rows], y[:rows, 0]).predict(x)
        np.testing.assert_allclose(predicted, expected, rtol=1e-11)


def assert_exact(
    x: np.ndarray, y: np.ndarray, groups: np.ndarray | None, alphas: np.ndarray = ALPHAS, cv: int = 5
) -> None:
    """Check that a fit has the alphas, predictions and held-out predictions of separate fits. y is 2-D."""
    model = GroupRidgeCV(alphas, cv).fit(x, y, groups=groups)
    predicted = model.predict(x)
    by_row = np.arange(len(x)) % cv
    splits = [by_row] if groups is None or len(set(groups)) == 1 else [model.test_fold_, by_row]
    for target in range(y.shape[1]):
        if np.isnan(y[:, target]).all():
            for values in (model.alpha_, model.intercept_, predicted.T, model.held_out_.T, model.coef_):
                assert np.isnan(values[target]).all()
            continue
        exact = exact_fit(x, y[:, target], splits, alphas)
        assert model.alpha_[target] == exact.alpha, (
            target,
            exact.errors[model.alpha_[target]],
            exact.errors[exact.alpha],
        )
        tolerance = 1e-8 * (np.nanmax(np.abs(y[:, target])) + 1e-300)
        np.testing.assert_allclose(predicted[:, target], exact.predicted, rtol=1e-8, atol=tolerance)
        np.testing.assert_allclose(model.held_out_[:, target], exact.held_out, rtol=1e-8, atol=tolerance)


@pytest.mark.parametrize("missing", [0.0, 0.03, 0.25, 0.6])
@pytest.mark.parametrize(("rows", "features"), [(120, 20), (50, 80), (80, 80)])
def test_each_target_is_fitted_on_its_measured_rows(rows: int, features: int, missing: float) -> None:
    assert_exact(*make_problem(rows, features, 4, missing, seed=rows + features))


def test_targets_processed_one_at_a_time_are_fitted_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ridge, "CHUNK", 1)  # targets are processed one at a time
    assert_exact(*make_problem(200, 30, 6, 0.1))


@pytest.mark.parametrize("tolerance", [1e-1, 1e-5])
def test_very_weak_regularisation_is_exact(tolerance: float) -> None:
    """Single precision cannot resolve features of such low variance: corrections are computed in double precision."""
    x, y, groups = make_problem(300, 40, 4, 0.05)
    assert_exact(x * np.geomspace(1, tolerance, 40), y, groups, np.geomspace(1e-9, 1e1, 11))


def test_the_better_of_two_distant_minima_is_found() -> None:
    """Some features need a weak alpha and others a strong one; none needs an alpha in between."""
    random = np.random.default_rng(2)
    x = np.hstack([random.normal(size=(300, 60)) * 30, random.normal(size=(300, 20)) * 0.01])
    y = 0.01 * x[:, :20] @ random.normal(size=(20, 8)) + 3 * random.normal(size=(300, 8))
    y += x[:, 60:] @ random.normal(size=(20, 8)) * np.linspace(37, 45, 8)
    y[random.random(y.shape) < 0.03] = np.nan
    assert_exact(x, y, None, np.geomspace(1e-5, 1e7, 37))


def test_targets_that_do_not_converge_are_solved_on_their_own_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ridge, "STEPS", 2)
    assert_exact(*make_problem(100, 30, 3, 0.1))


@pytest.mark.parametrize("groups", [None, np.zeros(70, int), np.arange(70) % 2, np.arange(70)])
def test_groups_of_every_kind_are_fitted_exactly(groups: np.ndarray | None) -> None:
    x, y, _ = make_problem(70, 10, 3, 0.05)
    assert_exact(x, y, groups)
    assert_exact(x, y, groups, cv=3)


def test_groups_are_held_out_whole_and_evenly() -> None:
    x, y, _ = make_problem(100, 5, 1, 0.0)
    groups = np.random.default_rng(0).permutation(np.repeat(list("abcdefg"), [40, 20, 10, 10, 10, 5, 5]))
    folds = GroupRidgeCV(cv=3).fit(x, y, groups=groups).test_fold_
    assert all(len(set(folds[groups == name])) == 1 for name in "abcdefg")
    assert sorted(np.bincount(folds)) == [30, 30, 40]


@pytest.mark.parametrize(
    "case", ["never", "once", "one group", "all but one group", "constant", "same gaps", "empty rows"]
)
def test_gap_patterns_are_fitted_exactly(case: str) -> None:
    x, y, groups = make_problem(70, 10, 4, 0.05)
    if case == "never":
        y[:, 1] = np.nan
    elif case == "once":
        y[1:, 1] = np.nan
        y[0, 1] = 5.0
    elif case == "one group":
        y[groups != 2, 1] = np.nan
    elif case == "all but one group":
        y[groups == 2, 1] = np.nan
    elif case == "constant":
        y[:, 1] = np.where(np.isnan(y[:, 1]), np.nan, 7.0)
        model = GroupRidgeCV(ALPHAS).fit(x, y, groups=groups)
        np.testing.assert_allclose(model.predict(x)[:, 1], 7.0)
        return
    elif case == "same gaps":
        y[np.isnan(y[:, 0]), :] = np.nan
        y[:, 1:] = np.where(np.isnan(y[:, :1]), np.nan, np.nan_to_num(y[:, 1:], nan=3.0))
    elif case == "empty rows":
        y[20:60] = np.nan
    assert_exact(x, y, groups)


def test_constant_and_repeated_features_and_rows_are_fitted_exactly() -> None:
    x, y, groups = make_problem(70, 10, 3, 0.05)
    assert_exact(np.column_stack([x, x[:, :3], np.full(70, 3.0)]), y, groups)
    assert_exact(np.vstack([x, x]), np.vstack([y, y]), np.concatenate([groups, groups]))
    model = GroupRidgeCV(ALPHAS).fit(np.ones((70, 4)), y, groups=groups)
    np.testing.assert_allclose(model.predict(np.ones((1, 4)))[0], np.nanmean(y, axis=0))


def test_a_single_row_is_predicted_exactly() -> None:
    model = GroupRidgeCV(ALPHAS).fit(np.array([[1.0, 2.0]]), np.array([[3.0, np.nan]]), groups=["a"])
    np.testing.assert_array_equal(model.predict(np.array([[1.0, 2.0], [5.0, 5.0]])), [[3.0, np.nan]] * 2)
    assert model.test_fold_.tolist() == [-1]
    assert np.isnan(model.held_out_).all()
    assert model.alpha_[0] == ALPHAS.max()  # no errors to compare, so the strongest alpha is used


def test_one_dimensional_y_is_one_target() -> None:
    x, y, groups = make_problem(70, 10, 3, 0.05)
    two_dimensional, one_dimensional = (GroupRidgeCV(ALPHAS).fit(x, values, groups=groups) for values in (y, y[:, 1]))
    assert one_dimensional.alpha_ == two_dimensional.alpha_[1]
    np.testing.assert_allclose(one_dimensional.predict(x), two_dimensional.predict(x)[:, 1], rtol=1e-9)
    assert (one_dimensional.coef_.shape, np.shape(one_dimensional.intercept_), one_dimensional.held_out_.shape) == (
        (10,),
        (),
        (70,),
    )


def test_alpha_is_chosen_by_rows_if_groups_cannot_predict_each_other() -> None:
    """Two holes differ in level: without a bound on errors, extrapolation would favour the strongest alpha."""
    random = np.random.default_rng(5)
    x = random.normal(size=(80, 5))
    groups = np.arange(80) % 2
    y = (
        np.where(groups == 0, 1.0, -1.0)[:, None] * (x @ np.arange(1, 6.0))[:, None] * 0.1
        + x[:, :1]
        - 3 * x[:, 4:]  # the assay falls within a hole and rises between the two holes
        + 20.0 * groups[:, None]
    )
    x[:, 4] += 10 * groups
    y += 0.1 * random.normal(size=y.shape)
    model = GroupRidgeCV(ALPHAS).fit(x, y, groups=groups)
    by_row = GroupRidgeCV(ALPHAS).fit(x, y)
    by_group = [((y[a] - y[b].mean()) ** 2).sum() for a, b in ((groups == 0, groups == 1), (groups == 1, groups == 0))]
    assert sum(by_group) > ((y - y.mean()) ** 2).sum()
    assert model.alpha_[0] <= 100 * by_row.alpha_[0]
    assert_exact(x, y, groups)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"alphas": []}, "positive alphas"),
        ({"alphas": [0.0, 1.0]}, "positive alphas"),
        ({"alphas": [np.inf]}, "positive alphas"),
        ({"cv": 1}, "2 folds or more"),
    ],
)
def test_invalid_parameters_are_refused(parameters: dict, message: str) -> None:
    x, y, groups = make_problem(20, 3, 2, 0.0)
    with pytest.raises(ValueError, match=message):
        GroupRidgeCV(**parameters).fit(x, y, groups=groups)


def test_invalid_data_are_refused() -> None:
    x, y, groups = make_problem(20, 3, 2, 0.0)
    with pytest.raises(ValueError, match="all values of y are NaN"):
        GroupRidgeCV().fit(x, np.full_like(y, np.nan), groups=groups)
    with pytest.raises(ValueError, match="infinity"):
        GroupRidgeCV().fit(x, np.where(y == y.max(), np.inf, y), groups=groups)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        GroupRidgeCV().fit(x, y, groups=groups[1:])


def test_huge_and_tiny_assays_are_fitted_equally_well() -> None:
    x, y, groups = make_problem(70, 10, 2, 0.1)
    model = GroupRidgeCV(ALPHAS).fit(x, y, groups=groups)
    for factor in (1e-90, 1e90):
        scaled = GroupRidgeCV(ALPHAS).fit(x, y * factor, groups=groups)
        np.testing.assert_array_equal(scaled.alpha_, model.alpha_)
        np.testing.assert_allclose(scaled.predict(x) / factor, model.predict(x), rtol=1e-9)


def test_the_pickle_contains_no_training_rows() -> None:
    x, y, groups = make_problem(3000, 10, 5, 0.02)
    model = GroupRidgeCV(ALPHAS).fit(x, y, groups=groups)
    pickled = pickle.dumps(model)
    assert len(pickled) < 5000
    loaded = pickle.loads(pickled)
    np.testing.assert_array_equal(loaded.predict(x), model.predict(x))
    assert not hasattr(loaded, "held_out_")


def test_thread_counts_do_not_change_the_results() -> None:
    program = (
        "import os; os.cpu_count = lambda: {}\n"
        "import numpy as np; from challenge.features import *; from challenge.ridge import *\n"
        "r = np.random.default_rng(0); X = r.normal(size=(300, 40))\n"
        "Y = X @ r.normal(size=(40, 6)) + r.normal(size=(300, 6))\n"
        "Y[r.random(Y.shape) < 0.05] = np.nan\n"
        "model = GroupRidgeCV(np.geomspace(1e-5, 1e5, 31))\n"
        "m = model.fit(SpectralFeatures(landmarks=20).fit_transform(X), Y, np.arange(300) // 50)\n"
        "print(*m.coef_.ravel().tolist(), *m.held_out_.ravel().tolist())"
    )
    numbers = []
    for processors, threads in ((1, 1), (4, 2)):
        environment = {"OPENBLAS_NUM_THREADS": str(threads), "OMP_NUM_THREADS": str(threads), "PATH": "/usr/bin"}
        command = [sys.executable, "-c", program.format(processors)]
        result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
        numbers.append(np.array(result.stdout.split(), float))
    np.testing.assert_allclose(*numbers, rtol=1e-9, atol=1e-12)


def random_problem(seed: int) -> tuple[int, int, float, int, int, int]:
    """Return the arguments of the next test. With 200 rows or more, gaps are filled and some alphas skipped."""
    random = np.random.default_rng(seed)
    low, high = random.choice([(2, 8), (2, 60), (200, 300)])
    missing = random.choice([0.0, 0.05, 0.2, 0.5, 0.9])
    return (
        *(int(random.integers(low, high + 1)), int(random.integers(1, 51)), float(missing)),
        *(int(random.integers(1, 9)), int(random.integers(2, 7)), seed),
    )


@pytest.mark.parametrize(
    ("rows", "features", "missing", "groups", "cv", "seed"),
    [
        (33, 36, 0.2, 1, 3, 10989),  # the errors have two minima
        (46, 1, 0.05, 1, 4, 0),  # the errors are a millionth of the variation
        (48, 15, 0.05, 3, 4, 861668),  # two minima that are far apart
        *map(random_problem, range(40)),
    ],
)
def test_any_small_problem_equals_the_exact_fit(
    rows: int, features: int, missing: float, groups: int, cv: int, seed: int
) -> None:
    x, y, _ = make_problem(rows, features, 3, missing, seed)
    y[0, 0] = 1.0 if np.isnan(y).all() else y[0, 0]  # one value is needed
    model = GroupRidgeCV(ALPHAS, cv).fit(x, y, groups=np.arange(rows) % groups)
    splits = [np.arange(rows) % cv] if groups == 1 or rows == 1 else [model.test_fold_, np.arange(rows) % cv]
    predicted = model.predict(x)
    for target in np.flatnonzero(~np.isnan(y).all(axis=0)):
        exact = exact_fit(x, y[:, target], splits, ALPHAS)
        error = exact.errors[model.alpha_[target]]  # errors may differ only in the last digits
        assert error <= exact.errors[exact.alpha] * (1 + 1e-6) + 1e-9
        if model.alpha_[target] == exact.alpha:
            scale = 1e-6 * np.nanmax(np.abs(y[:, target]))
            np.testing.assert_allclose(predicted[:, target], exact.predicted, rtol=1e-6, atol=scale)
            np.testing.assert_allclose(model.held_out_[:, target], exact.held_out, rtol=1e-6, atol=scale)
