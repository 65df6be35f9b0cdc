"""The methods that the accuracy benchmark compares."""

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from challenge.targets import TARGETS
from sklearn.cross_decomposition import PLSRegression
from sklearn.kernel_ridge import KernelRidge
from support.checkout import ROOT, run

from benchmarks.comparison import data as comparison_data
from benchmarks.comparison import folds, methods, ours, scoring, tuning


@pytest.mark.parametrize("method", methods.METHODS)
def test_a_method_learns_without_the_held_out_assays(method: str, data: comparison_data.Data) -> None:
    held_out = np.arange(0, len(data), 5)
    training = np.setdiff1d(np.arange(len(data)), held_out)
    poisoned_data = replace(data, targets=data.targets.copy())
    poisoned_data.targets[held_out] *= 1000
    *_, targets, predicted = folds.fit_and_predict(data, "shuffled", 0, method, training, held_out)
    *_, predicted_from_poisoned = folds.fit_and_predict(poisoned_data, "shuffled", 0, method, training, held_out)
    np.testing.assert_array_equal(predicted, predicted_from_poisoned)
    assert np.isfinite(predicted[~np.isnan(targets)]).all()
    assert (predicted[~np.isnan(predicted)] >= 0).all()
    r2 = scoring.r2_by_target(targets, predicted)[TARGETS.index("AlPPM")]
    assert r2 < 0.1 if method == "mean" else r2 > 0.7


def test_predictions_for_each_number_of_components_equal_a_separate_fit(
    data: comparison_data.Data,
) -> None:
    x, y = data.spectra[:40], data.targets[:40, TARGETS.index("AlPPM")]
    path = tuning.predictions(tuning.fit_components(x, y, 6), data.spectra[40:])
    for number in range(1, 7):
        separate = PLSRegression(number, scale=False).fit(x, y).predict(data.spectra[40:])
        np.testing.assert_allclose(path[:, number - 1], separate.ravel(), rtol=1e-8)


def test_kernel_ridge_chooses_the_smallest_error_for_each_target(data: comparison_data.Data) -> None:
    x, y = data.spectra, np.nan_to_num(data.targets[:, [TARGETS.index("AlPPM"), TARGETS.index("CuPPM")]], nan=50.0)
    model = tuning.KernelRidgeCV(np.array([0.01, 1.0]), np.array([1e-3, 10.0])).fit(x, y)
    choices = [(alpha, gamma / x.shape[1]) for alpha in (1e-3, 10.0) for gamma in (0.01, 1.0)]
    z = (y - y.mean(axis=0)) / y.std(axis=0)
    for target in range(2):
        errors = []
        for alpha, gamma in choices:
            fits = [(KernelRidge(kernel="rbf", alpha=alpha, gamma=gamma), *fold) for fold in tuning.INNER.split(x)]
            residuals = [z[b, target] - m.fit(x[a], z[a, target]).predict(x[b]) for m, a, b in fits]
            errors.append(sum((part**2).sum() for part in residuals))
        alpha, gamma = choices[int(np.argmin(errors))]
        separate = KernelRidge(kernel="rbf", alpha=alpha, gamma=gamma).fit(x, z[:, target]).predict(x)
        expected = separate * y[:, target].std() + y[:, target].mean()
        np.testing.assert_allclose(model.predict(x)[:, target], expected, rtol=1e-8)


def test_ours_is_the_model_that_train_py_fits(data: comparison_data.Data, files: list[Path], tmp_path: Path) -> None:
    result = run(ROOT / "train.py", "--data_dir", files[0].parent, "--model_dir", tmp_path, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    model = pickle.loads((tmp_path / "model.pkl").read_bytes())
    public, private = data.take(~data.private), data.take(data.private)
    np.testing.assert_allclose(ours.fit_and_predict(public, private), model.predict(private.inputs), rtol=1e-9)
