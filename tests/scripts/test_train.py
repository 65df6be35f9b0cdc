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


def test_each_strength_and_coefficient_is_what_one_fit_at_a_time_gives(data, capsys: pytest.CaptureFixture) -> None:
    inputs, targets, holes = data
    model, held_out = train.fit(inputs, targets, holes, ALPHAS, folds=5)
    predictions = model.predict(inputs)
    for column, name in enumerate(preprocess.TARGETS):
        rows = targets[name].notna().to_numpy()
        if name in ("AgPPM", "AsPPM"):
            continue
        x, y, groups = inputs.to_numpy()[rows], targets[name][rows].to_numpy(), holes[rows]
        held = {
            alpha: np.concatenate(
                [Ridge(alpha).fit(x[a], y[a]).predict(x[b]) for a, b in GroupKFold(5).split(x, y, groups)]
            )
            for alpha in ALPHAS
        }
        order = np.concatenate([b for _, b in GroupKFold(5).split(x, y, groups)])
        errors = [((y[order] - held[alpha]) ** 2).sum() for alpha in ALPHAS]
        best = ALPHAS[np.argmin(errors)]
        assert model.regressor_.alpha[column] == best
        expected = np.clip(Ridge(best).fit(x, y).predict(inputs.to_numpy()), 0, None)
        np.testing.assert_allclose(predictions[:, column], expected, rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(held_out[rows][order, column], np.clip(held[best], 0, None), rtol=1e-7, atol=1e-9)
    assert "never measured, so not predicted: AgPPM" in capsys.readouterr().out


def test_predictions_are_never_negative_and_nan_only_where_nothing_was_measured(data) -> None:
    inputs, targets, holes = data
    model, _ = train.fit(inputs, targets, holes, ALPHAS, folds=5)
    far = pd.DataFrame(np.random.default_rng(0).normal(0, 1e4, (50, 8)), columns=inputs.columns)
    predictions = model.predict(far)
    assert predictions.shape == (50, 49)
    assert np.isnan(predictions[:, 0]).all()
    assert (predictions[:, 1:] >= 0).all()
    assert (predictions[:, 1:] == 0).any()


@pytest.mark.parametrize("holes", [["a"], ["a", "b"]])
def test_fewer_than_three_holes_fall_back_and_say_so(data, holes: list[str], capsys: pytest.CaptureFixture) -> None:
    inputs, targets, _ = data
    _, held_out = train.fit(inputs, targets, np.resize(holes, 60), ALPHAS, folds=5)
    assert "fewer than three drill holes" in capsys.readouterr().out
    assert not np.isnan(held_out[targets["FePCT"].notna(), preprocess.TARGETS.index("FePCT")]).any()


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
    done = run(ROOT / "train.py", "--data_dir", tmp_path, "--model_dir", tmp_path, "--alphas", 9, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    logged = dict(re.findall(r"validation:(\w+)=([-.0-9]+)", done.stdout))
    inputs, _ = preprocess.preprocess(tmp_path / "public.csv.gz")
    for name in ("CuPPM", "AlPPM", "MoPPM"):
        rows = mixed[name].notna().to_numpy()
        x, y, holes = inputs.to_numpy()[rows], mixed[name][rows].to_numpy(), mixed["SiteID"][rows]
        held = {}
        for alpha in np.geomspace(1e5, 1e-5, 9):
            held[alpha] = np.empty_like(y)
            for fitted, left_out in GroupKFold(5).split(x, y, holes):
                held[alpha][left_out] = Ridge(alpha, solver="svd").fit(x[fitted], y[fitted]).predict(x[left_out])
        best = min(held.values(), key=lambda predicted: ((y - predicted) ** 2).sum())
        assert float(logged[name]) == pytest.approx(r2_score(y, best.clip(0)), abs=2e-6), name


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
    assert (train.model_fn(tmp_path).regressor_.alpha == 3).all()
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
