"""train.py: the model that it fits, against scikit-learn one strength and one target at a time."""

import json
import pickletools
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers import ROOT, copy_scripts, run, write_csv
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import GroupKFold

import preprocess
import score
import train

ALPHAS = np.geomspace(1e3, 1e-3, 7)


@pytest.fixture(scope="module")
def data() -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    """Inputs (60, 8), targets (60, 49) of which some are missing, and six holes, from no spectra at all."""
    random = np.random.default_rng(3)
    inputs = pd.DataFrame(
        random.normal(3, 1, (60, 8)),
        columns=[f"bin_{2000 - 7 * number}.0_{1994 - 7 * number}.0" for number in range(8)],
    )
    clean = inputs.to_numpy() @ random.normal(size=(8, 49))
    targets = pd.DataFrame(np.maximum(clean + random.normal(size=clean.shape), 0), columns=preprocess.TARGETS)
    targets = targets.mask(random.random(targets.shape) < 0.1)
    targets["AgPPM"], targets["AsPPM"] = np.nan, np.where(np.arange(60) < 3, targets["FePCT"].fillna(1.0), np.nan)
    return inputs, targets, np.repeat(list("abcdef"), 10)


def expected_of(x: np.ndarray, y: np.ndarray, holes: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """The strength, the predictions of the whole and those held out by hole, one scikit-learn fit at a time.

    y has NaN where it was not measured; folds are of all rows, and rows without an assay are in none.
    """
    rows = ~np.isnan(y)
    errors, held = dict.fromkeys(ALPHAS, 0.0), {alpha: np.full(len(y), np.nan) for alpha in ALPHAS}
    for way in (np.arange(len(y)), holes):
        for rest, fold in GroupKFold(5).split(x, groups=way):
            rest = rest[rows[rest]]
            for alpha in ALPHAS if len(rest) else []:
                predicted = Ridge(alpha, solver="svd").fit(x[rest], y[rest]).predict(x[fold])
                errors[alpha] += np.nansum((y[fold] - predicted) ** 2)
                beyond = 0.2 * np.ptp(y[rest])
                if way is holes:
                    held[alpha][fold] = predicted.clip(max(y[rest].min() - beyond, 0), y[rest].max() + beyond)
    best = min(errors, key=errors.__getitem__)
    beyond = 0.2 * np.ptp(y[rows])
    whole = Ridge(best, solver="svd").fit(x[rows], y[rows]).predict(x)
    return best, whole.clip(max(y[rows].min() - beyond, 0), y[rows].max() + beyond), held[best]


def test_each_strength_and_prediction_is_what_one_fit_at_a_time_gives(data, capsys: pytest.CaptureFixture) -> None:
    inputs, targets, holes = data
    model, held_out = train.fit(inputs, targets, holes, ALPHAS, folds=5)
    x, predictions = model.regressor_[0].transform(inputs), model.predict(inputs)
    for column, name in enumerate(preprocess.TARGETS[1:], 1):
        best, whole, held = expected_of(x, targets[name].to_numpy(), holes)
        assert model.regressor_[-1].alpha[column] == best, name
        np.testing.assert_allclose(predictions[:, column], whole, rtol=1e-10, atol=1e-10)
        np.testing.assert_allclose(held_out[:, column], held, rtol=1e-10, atol=1e-10)
    assert np.isnan(held_out[:, 0]).all()
    assert "never measured, so not predicted: AgPPM" in capsys.readouterr().out


def test_features_are_bins_and_likeness_of_slopes(data) -> None:
    inputs, targets, holes = data
    x = train.fit(inputs, targets, holes, ALPHAS, folds=5)[0].regressor_[0].transform(inputs)
    bins = inputs.to_numpy()
    spectra = (bins - bins.mean(axis=1, keepdims=True)) / bins.std(axis=1, keepdims=True)
    slopes = np.column_stack([spectra[:, 0], spectra[:, 1:] - spectra[:, :-1]])
    slopes = (slopes - slopes.mean(axis=0)) / slopes.std(axis=0)
    distances = ((slopes[:, None] - slopes[None]) ** 2).sum(axis=2)
    kernel = np.exp(-distances / (2 * distances.mean()))  # with fewer rows than landmarks, of all rows: exact
    bins, likeness = x[:, :8], x[:, 8:]
    for part in (bins, likeness):
        assert part.var(axis=0).sum() == pytest.approx(1.0)
    ours = likeness @ likeness.T
    np.testing.assert_allclose(ours, kernel * ours[0, 0], atol=1e-8)
    centred = inputs.to_numpy() - inputs.to_numpy().mean(axis=0)
    np.testing.assert_allclose(bins, centred * (bins[0, 0] / centred[0, 0]), atol=1e-12)


def test_predictions_are_never_negative_and_nan_only_where_nothing_was_measured(data) -> None:
    inputs, targets, holes = data
    model, _ = train.fit(inputs, targets, holes, ALPHAS, folds=5)
    far = pd.DataFrame(np.random.default_rng(0).normal(0, 1e4, (50, 8)), columns=inputs.columns)
    predictions = model.predict(far)
    assert predictions.shape == (50, 49)
    assert np.isnan(predictions[:, 0]).all()
    assert (predictions[:, 1:] >= 0).all()
    assert (predictions[:, 1:] == 0).any()


def test_negative_assays_are_predicted_as_zero(data) -> None:
    """Some laboratories write less than 0.5 as -0.5: a column may hold nothing else."""
    inputs, targets, holes = data
    below = targets.assign(AuPPM=-0.5, CuPPM=-targets["CuPPM"] - 1)
    model, held_out = train.fit(inputs, below, holes, ALPHAS, folds=5)
    columns = [preprocess.TARGETS.index(name) for name in ("AuPPM", "CuPPM")]
    assert (model.predict(inputs)[:, columns] == 0).all()
    assert (held_out[:, columns] == 0).all()


def test_one_hole_falls_back_on_rows_and_says_so(data, capsys: pytest.CaptureFixture) -> None:
    inputs, targets, _ = data
    _, held_out = train.fit(inputs, targets, np.full(60, "a"), ALPHAS, folds=5)
    assert "one drill hole alone" in capsys.readouterr().out
    assert not np.isnan(held_out[:, preprocess.TARGETS.index("FePCT")]).any()


def test_predictions_go_a_fifth_of_the_range_beyond_it_and_no_farther(data) -> None:
    inputs, targets, holes = data
    model, _ = train.fit(inputs, targets, holes, ALPHAS, folds=5)
    far = model.predict(inputs.mean() + 1e3 * (inputs - inputs.mean()))[:, 2:]
    low, high = targets.min().to_numpy()[2:], targets.max().to_numpy()[2:]
    np.testing.assert_allclose(far.max(axis=0), high + 0.2 * (high - low))
    np.testing.assert_allclose(far.min(axis=0), np.maximum(low - 0.2 * (high - low), 0))


def test_degenerate_data_are_fitted(data) -> None:
    inputs, targets, holes = data
    few, twice = inputs.iloc[:5], inputs.assign(**{"bin_1900.0_1894.0": inputs.iloc[:, 0], "bin_1890.0_1884.0": 3.0})
    constant = targets.assign(CuPPM=7.0)
    in_one_hole = targets.assign(CuPPM=targets["CuPPM"].where(holes == "b"))
    copper = preprocess.TARGETS.index("CuPPM")
    for x, y, of in ((few, targets.iloc[:5], holes[:5]), (twice, targets, holes), (inputs, in_one_hole, holes)):
        model, _ = train.fit(x, y, of, ALPHAS, folds=5)
        assert np.isfinite(model.predict(x)[:, copper]).all()
    np.testing.assert_allclose(train.fit(inputs, constant, holes, ALPHAS, folds=5)[0].predict(inputs)[:, copper], 7.0)


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_a_target_with_a_few_assays_is_predicted_within_them(data, rows: int) -> None:
    inputs, targets, holes = data
    few = targets.assign(CuPPM=np.where(np.arange(60) < rows, 5.0 + np.arange(60), np.nan))
    model, _ = train.fit(inputs, few, holes, ALPHAS, folds=5)
    copper = model.predict(inputs)[:, preprocess.TARGETS.index("CuPPM")]
    assert np.isfinite(copper).all()
    assert copper[:rows].mean() == pytest.approx(5 + (rows - 1) / 2)


def test_one_row_of_training_data_is_predicted_as_it_is(public: pd.DataFrame, tmp_path: Path) -> None:
    one = public.iloc[:1].fillna(1.0)
    write_csv(tmp_path / "public.csv.gz", one)
    done = run(ROOT / "train.py", "--data_dir", tmp_path, "--model_dir", tmp_path, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    inputs, targets = preprocess.preprocess(tmp_path / "public.csv.gz")
    np.testing.assert_allclose(train.model_fn(tmp_path).predict(inputs), targets, rtol=1e-9)


def test_the_log_has_metrics_that_a_regex_reads(project: Path) -> None:
    log = (project / "train.py.log").read_text()
    values = {name: float(value) for name, value in re.findall(r"validation:(\w+)=([-.0-9]+)", log)}
    assert set(values) == {*score.TARGETS, "score"}
    expected = sum(values[name] * weight for name, weight in zip(score.TARGETS, score.WEIGHTS, strict=True))
    assert values["score"] == pytest.approx(expected, abs=1e-5)
    assert 0.2 < values["score"] < 0.9


def test_metrics_are_r2_on_whole_holes_held_out(public: pd.DataFrame, tmp_path: Path) -> None:
    mixed = public.sample(frac=1, random_state=1)  # rows of a hole are not neighbours in the file
    write_csv(tmp_path / "public.csv.gz", mixed)
    arguments = ("--data_dir", tmp_path, "--model_dir", tmp_path, "--alphas", len(ALPHAS))
    extremes = ("--alpha_min", ALPHAS.min(), "--alpha_max", ALPHAS.max())
    done = run(ROOT / "train.py", *arguments, *extremes, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    logged = dict(re.findall(r"validation:(\w+)=([-.0-9]+)", done.stdout))
    inputs, _ = preprocess.preprocess(tmp_path / "public.csv.gz")
    x = train.model_fn(tmp_path).regressor_[0].transform(inputs)
    for name in ("CuPPM", "AlPPM", "MoPPM"):
        y = mixed[name].to_numpy()
        _, _, held = expected_of(x, y, mixed["SiteID"].to_numpy())
        rows = ~np.isnan(y)
        assert float(logged[name]) == pytest.approx(r2_score(y[rows], held[rows]), abs=2e-6), name


def test_weights_and_targets_are_the_hosts() -> None:
    assert list(train.WEIGHTS.values()) == list(score.WEIGHTS)
    assert tuple(train.WEIGHTS) == score.TARGETS == preprocess.TARGETS


def test_hyperparameters_are_arguments(project: Path, tmp_path: Path) -> None:
    arguments = ("--alpha_min", 3, "--alpha_max", 3, "--alphas", 1, "--folds", 3, "--unknown", "x")
    data_dir = project / "data/public"
    done = run(
        ROOT / "train.py", *arguments, cwd=tmp_path, SM_CHANNEL_TRAINING=str(data_dir), SM_MODEL_DIR=str(tmp_path)
    )
    assert done.returncode == 0, done.stderr
    assert (train.model_fn(tmp_path).regressor_[-1].alpha == 3).all()
    wrong = run(ROOT / "train.py", "--alpha_min", 0, cwd=tmp_path)
    assert wrong.returncode == 2
    assert "0 < alpha_min" in wrong.stderr
    assert "ignored arguments: ['--unknown', 'x']" in done.stdout


def test_the_pickle_holds_scikit_learn_and_numpy_only(project: Path) -> None:
    harmless = {"copyreg._reconstructor", "builtins.object", "collections.OrderedDict"}
    found, memo, strings, latest = set(), [], [], None
    for operation, argument, _ in pickletools.genops((project / "model/model.pkl").read_bytes()):
        if operation.name == "STACK_GLOBAL":
            found.add(".".join(strings[-2:]))
        elif operation.name == "MEMOIZE":
            memo.append(latest)
        elif operation.name in ("BINGET", "LONG_BINGET"):
            strings.append(memo[argument])
        latest = argument if isinstance(argument, str) else None
        if latest is not None:
            strings.append(latest)
        assert operation.name not in ("GLOBAL", "INST", "EXT1", "EXT2", "EXT4")
    assert {"sklearn.linear_model._ridge.Ridge", "numpy.clip", "numpy.ndarray"} <= found
    assert all(name.startswith(("sklearn.", "numpy.", "scipy.")) or name in harmless for name in found), found


@pytest.mark.skipif(" " in sys.executable, reason="the toolkit cannot start an interpreter whose path has a space")
def test_the_training_toolkit_runs_it_in_script_mode(project: Path, tmp_path: Path) -> None:
    code = copy_scripts(tmp_path / "code", "preprocess.py", "train.py")
    (code / "requirements.txt").write_text((ROOT / "requirements.txt").read_text())
    base = tmp_path / "ml"
    for folder in ("input/config", "input/data", "model", "output/data", "code"):
        (base / folder).mkdir(parents=True)
    (base / "input/data/training").symlink_to(project / "data/public")
    settings = {"sagemaker_program": "train.py", "sagemaker_submit_directory": str(code), "alphas": "5", "folds": "3"}
    configuration = {
        "hyperparameters": {name: json.dumps(value) for name, value in settings.items()},
        "inputdataconfig": {"training": {"TrainingInputMode": "File"}},
        "resourceconfig": {"current_host": "localhost", "hosts": ["localhost"], "network_interface_name": "lo"},
    }
    for name, content in configuration.items():
        (base / f"input/config/{name}.json").write_text(json.dumps(content))
    container = """
from sagemaker_training import entry_point, environment
job = environment.Environment()
entry_point.run(job.module_dir, job.user_entry_point, job.to_cmd_args(), job.to_env_vars())
"""
    done = run("-c", container, cwd=tmp_path, SAGEMAKER_BASE_DIR=str(base))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "validation:score=" in done.stdout
    assert len(train.model_fn(base / "model").feature_names_in_) == 60
