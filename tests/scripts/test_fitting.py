"""challenge/fitting.py and validation.py: how fit() is called, what it may return, and what is held out."""

import argparse

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LinearRegression

import preprocess
from challenge.fitting import FitError, add_arguments, fit_model, hyperparameters
from challenge.validation import hold_out

HOLES = np.repeat(list("abcdef"), 5)


@pytest.fixture
def data() -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    """Return inputs (30, 3), complete targets (30, 49) and the hole of each row, six in all."""
    random = np.random.default_rng(1)
    inputs = pd.DataFrame(random.normal(size=(30, 3)), columns=["bin_3", "bin_2", "bin_1"])
    return inputs, pd.DataFrame(random.normal(9, 1, (30, 49)), columns=preprocess.TARGETS), HOLES


def linear(inputs, targets, holes):
    return LinearRegression().fit(inputs, targets)


def test_hyperparameters_are_the_parameters_after_the_data() -> None:
    def fit(x, y, sites, depth: int = 3, *, rate=0.5, **others):
        """Fit a model. The arguments for the data may have any names. **others receives nothing."""

    assert hyperparameters(fit) == {"depth": 3, "rate": 0.5}


def test_hyperparameters_without_a_default_or_a_place_for_the_data_are_refused() -> None:
    def without_default(inputs, targets, holes, depth): ...
    def without_holes(inputs, targets, *, holes=None): ...

    with pytest.raises(FitError, match="'depth' must have a default"):
        hyperparameters(without_default)

    def alpha_for_holes(inputs, targets, alpha=1.0): ...
    def optional_holes(inputs, targets, holes=None, alpha=1.0): ...

    for invalid_fit in (without_holes, alpha_for_holes):
        with pytest.raises(FitError, match="inputs, targets and holes"):
            hyperparameters(invalid_fit)
    assert hyperparameters(optional_holes) == {"alpha": 1.0}


def test_arguments_have_the_name_and_the_type_of_the_default() -> None:
    def fit(inputs, targets, holes, depth=3, rate=0.5, kernel="rbf", warm=False, shape=(1, 2), seed=None): ...

    parser = argparse.ArgumentParser(allow_abbrev=False)
    add_arguments(parser, fit)
    assert vars(parser.parse_args([])) == {"depth": 3, "rate": 0.5, "kernel": "rbf", "warm": False}
    arguments = parser.parse_args("--depth 4 --rate 1e-3 --kernel linear --warm true".split())
    assert vars(arguments) == {"depth": 4, "rate": 0.001, "kernel": "linear", "warm": True}
    assert parser.parse_args(["--warm", "False"]).warm is False


@pytest.mark.parametrize("arguments", ["--depth 1.5", "--warm 1", "--rate fast"])
def test_an_argument_of_another_type_is_refused(arguments: str, capsys: pytest.CaptureFixture) -> None:
    def fit(inputs, targets, holes, depth=3, rate=0.5, warm=False): ...

    parser = argparse.ArgumentParser()
    add_arguments(parser, fit)
    with pytest.raises(SystemExit, match="2"):
        parser.parse_args(arguments.split())
    assert arguments.split()[0] in capsys.readouterr().err


def test_a_hyperparameter_with_the_name_of_an_argument_is_refused() -> None:
    def fit(inputs, targets, holes, folds=3): ...

    parser = argparse.ArgumentParser()
    parser.add_argument("--folds")
    with pytest.raises(FitError, match="--folds already: rename"):
        add_arguments(parser, fit)


def test_fit_returns_a_model_or_a_model_and_held_out_predictions(data) -> None:
    _, targets, _ = data
    model, held_out = fit_model(linear, *data, {})
    assert isinstance(model, LinearRegression)
    assert held_out is None
    expected = np.ones(targets.shape)
    model, held_out = fit_model(lambda *arguments: (linear(*arguments), expected), *data, {})
    assert isinstance(model, LinearRegression)
    np.testing.assert_array_equal(held_out, expected)
    assert fit_model(lambda *arguments: (linear(*arguments), None), *data, {})[1] is None


@pytest.mark.parametrize(
    ("make_result", "reason"),
    [
        (lambda model: None, "it returned NoneType"),
        (lambda model: (model, None, None), "it returned tuple"),
        (lambda model: LinearRegression, "missing 1 required positional argument"),
        (lambda model: model.predict, "it returned method"),
        (lambda model: (model, np.ones((30, 48))), r"held_out has the shape \(30, 48\)"),
        (lambda model: DummyRegressor().fit([[0]], [0.0]), r"model.predict\(\) has the shape \(30,\)"),
    ],
)
def test_other_results_of_fit_are_refused(data, make_result, reason: str) -> None:
    with pytest.raises((FitError, TypeError), match=reason):
        fit_model(lambda *arguments: make_result(linear(*arguments)), *data, {})


class ConvertedRegression(LinearRegression):
    """A linear regression whose predictions are passed through `convert`."""

    def __init__(self, convert):
        super().__init__()
        self.convert = convert

    def predict(self, X):
        return self.convert(super().predict(X))


def test_predictions_that_can_be_converted_to_arrays_are_accepted(data) -> None:
    for convert in (pd.DataFrame, lambda predicted: predicted.tolist()):
        held_out = hold_out(
            lambda x, y, holes, convert=convert: ConvertedRegression(convert).fit(x, y), *data, {}, folds=3, seconds=1.0
        )
        np.testing.assert_allclose(held_out, hold_out(linear, *data, {}, folds=3, seconds=1.0))
    with pytest.raises(
        FitError, match=r"model.predict\(\) could not be converted to an array of numbers: its type is generator"
    ):
        fit_model(
            lambda x, y, holes: ConvertedRegression(lambda predicted: (row for row in predicted)).fit(x, y), *data, {}
        )


def test_a_measured_target_must_be_predicted(data) -> None:
    def remove_one(predicted):
        predicted[4, 7] = np.nan
        return predicted

    with pytest.raises(FitError, match="predicts nan for CuPPM, which was measured"):
        fit_model(lambda x, y, holes: ConvertedRegression(remove_one).fit(x, y), *data, {})
    inputs, targets, holes = data
    unmeasured = targets.assign(CuPPM=np.nan)
    fit_model(lambda x, y, holes: ConvertedRegression(remove_one).fit(x, y.fillna(0.0)), inputs, unmeasured, holes, {})


def test_an_estimator_that_does_not_support_gaps_gets_a_hint(data) -> None:
    inputs, targets, holes = data
    with pytest.raises(ValueError, match="NaN") as raised:
        fit_model(linear, inputs, targets.mask(targets > 10), holes, {})
    assert "PerTargetRegressor from challenge/meta_estimators.py" in raised.value.__notes__[0]


def test_each_row_is_predicted_by_a_model_that_was_not_trained_on_its_hole(data) -> None:
    _, targets, holes = data
    calls = []

    def fit(inputs, targets, holes, shift=0.0):
        calls.append(set(holes))
        assert shift == 2.0
        return DummyRegressor().fit(inputs, targets + shift)

    held_out = hold_out(fit, *data, {"shift": 2.0}, folds=3, seconds=1.0)
    assert sorted(map(len, calls)) == [4, 4, 4]
    for hole in "abcdef":
        [other_holes] = [training_holes for training_holes in calls if hole not in training_holes]
        expected = targets[np.isin(holes, list(other_holes))].mean() + 2.0
        np.testing.assert_allclose(held_out[holes == hole], np.tile(expected, (5, 1)))


def test_rows_are_held_out_if_there_is_only_one_hole(data) -> None:
    inputs, targets, _ = data
    held_out = hold_out(linear, inputs, targets, np.full(30, "a"), {}, folds=5, seconds=1.0)
    assert np.isfinite(held_out).all()


@pytest.mark.parametrize(
    ("rows", "folds", "seconds", "reason"),
    [(30, 0, 1.0, "--folds 0"), (30, 5, 481.0, "one fit took 481 s"), (1, 5, 1.0, "there is only one row")],
)
def test_a_line_explains_why_nothing_is_held_out(
    data, rows: int, folds: int, seconds: float, reason: str, capsys: pytest.CaptureFixture
) -> None:
    inputs, targets, holes = (part[:rows] for part in data)
    held_out = hold_out(linear, inputs, targets, holes, {}, folds, seconds)
    assert held_out.shape == (rows, 49)
    assert np.isnan(held_out).all()
    assert reason in capsys.readouterr().out


def test_a_fold_that_cannot_be_fitted_is_left_out_and_reported(data, capsys: pytest.CaptureFixture) -> None:
    def fit(inputs, targets, holes):
        if "a" not in holes:
            raise ZeroDivisionError("without a")
        return linear(inputs, targets, holes)

    held_out = hold_out(fit, *data, {}, folds=6, seconds=1.0)
    assert np.isnan(held_out[HOLES == "a"]).all()
    assert np.isfinite(held_out[HOLES != "a"]).all()
    assert "is not predicted: ZeroDivisionError: without a" in capsys.readouterr().out
