"""The data of the accuracy benchmark, and the methods that it compares."""

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from preprocess import TARGETS
from support.checkout import ROOT, run
from support.data_files import write_csv

from benchmarks import methods

MEASURED_TARGETS = ["CuPPM", "FePCT", "AlPPM"]


def test_private_rows_follow_the_public_ones(frame: pd.DataFrame, files: list[Path]) -> None:
    data, private = methods.read_files(*files)
    assert private.tolist() == [False] * 45 + [True] * 15
    assert data.sites.tolist() == frame["SiteID"].tolist()
    spectra = frame.filter(regex=r"^\d")
    assert data.channels.tolist() == [float(name) for name in spectra]
    np.testing.assert_allclose(data.spectra, spectra, rtol=1e-14)
    for name in TARGETS:
        expected = frame[name] if name in MEASURED_TARGETS else np.nan
        np.testing.assert_allclose(data.targets[name], expected, rtol=1e-14)


def test_files_that_do_not_match_are_reported(frame: pd.DataFrame, files: list[Path], tmp_path: Path) -> None:
    public, _, actual = files
    with pytest.raises(ValueError, match=r"has 15 rows, but .* has 60"):
        methods.read_files(public, write_csv(tmp_path / "more.csv.gz", frame), actual)
    fewer_channels = frame[-15:].drop(columns=frame.columns[300:310])
    with pytest.raises(ValueError, match="its channels differ from the channels of"):
        methods.read_files(public, write_csv(tmp_path / "other.csv.gz", fewer_channels), actual)


def test_the_methods_learn_without_the_held_out_assays(data: methods.Data) -> None:
    held_out = np.arange(0, len(data), 5)
    training, test_data = data.take(np.setdiff1d(np.arange(len(data)), held_out)), data.take(held_out)
    predicted = methods.predict(training, test_data, methods.PEERS)
    assert list(predicted) == list(methods.METHODS)
    poisoned = methods.predict(training, replace(test_data, targets=1000 * test_data.targets), methods.PEERS)
    for name, values in predicted.items():
        np.testing.assert_array_equal(values, poisoned[name])
        assert list(values) == ["CuPPM", "AlPPM"]  # iron was measured in too few rows
        assert (values >= 0).all(axis=None)
        error = values["AlPPM"].to_numpy() - test_data.targets["AlPPM"].to_numpy()
        assert (error**2).mean() < 0.3 * test_data.targets["AlPPM"].var()


def test_the_recipe_normalises_by_all_but_the_last_channels_of_the_file() -> None:
    random = np.random.default_rng(0)
    for channels, left_out in ((700, 300), (140, 14)):
        spectra = random.uniform(1, 2, (3, channels))
        spectra[:, -1], spectra[:, 2] = 50, 0.5  # a wild end is clipped
        bins = methods.recipe_bins(spectra)
        for row, features in zip(spectra, bins, strict=True):
            window = row[:-left_out]
            normalised = [min(max(value, min(window)), max(window)) / max(window) for value in row]
            expected = [sum(normalised[max(0, last - 6) : last + 1]) for last in range(0, channels, 7)]
            np.testing.assert_allclose(features, expected, rtol=1e-12)


def test_ours_is_the_model_that_train_py_fits(data: methods.Data, files: list[Path], tmp_path: Path) -> None:
    arguments = ("--data_dir", files[0].parent, "--model_dir", tmp_path, "--folds", 0)
    result = run(ROOT / "train.py", *arguments, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    model = pickle.loads((tmp_path / "model.pkl").read_bytes())
    public, private = data.take(np.arange(45)), data.take(np.arange(45, 60))
    predicted = methods.predict_template(public, private)
    inputs = run(ROOT / "preprocess.py", "--input", files[1], "--output", tmp_path / "inputs.csv", cwd=tmp_path)
    assert inputs.returncode == 0, inputs.stderr
    expected = model.predict(pd.read_csv(tmp_path / "inputs.csv", index_col=0))
    np.testing.assert_allclose(predicted["ours"], expected, rtol=1e-9)
    halves = np.mean([predicted[name] for name in methods.HALVES], axis=0).clip(0)
    np.testing.assert_allclose(halves, expected, rtol=1e-9)
