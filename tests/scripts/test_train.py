"""`python train.py`: its arguments, its output and the files that it writes.

The fixture `project` runs the scripts in separate processes. The fixture `fork` is a submission with a fast fit(), and
is trained in this process.
"""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import r2_score
from support.checkout import copy_scripts
from support.data_files import write_csv
from support.scripts import modules_of, reason_of, run_here

import score

# a train.py with fit() in plain scikit-learn; the rest is the template's
FIT = '''
import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from challenge.meta_estimators import LimitedRegressor, PerTargetRegressor
from challenge.training import main
from challenge.serving import input_fn, model_fn, output_fn, predict_fn

class Mine(RegressorMixin, BaseEstimator):
    """A class of train.py itself."""
    def fit(self, X, y):
        self.mean_ = np.mean(y)
        return self
    def predict(self, X):
        return np.full(len(X), self.mean_)

def fit(inputs, targets, holes, factor: float = 1.0, **anything):
    assert not anything
    return LimitedRegressor(PerTargetRegressor(Mine())).fit(inputs, factor * targets)

if __name__ == "__main__":
    main()
'''


@pytest.fixture(scope="module")
def some_rows(public: pd.DataFrame) -> pd.DataFrame:
    """Return a fifth of the public data's rows, from all holes."""
    return public.iloc[::5]


@pytest.fixture
def fork(tmp_path: Path) -> Path:
    """Return a submission with a different fit(), which returns only the model."""
    folder = copy_scripts(tmp_path / "fork")
    (folder / "train.py").write_text(FIT)
    return folder


def train_fork(folder: Path, data: pd.DataFrame, *arguments: object) -> str:
    """Run `python train.py`, which writes the model to folder/model, and return its output."""
    write_csv(folder / "data/public/public.csv.gz", data)
    return run_script(folder / "train.py", *arguments)


def run_script(script: Path, *arguments: object) -> str:
    """Run a script, which must succeed, in its folder and return its output."""
    result = run_here(script, *arguments, cwd=script.parent)
    assert result.returncode == 0, result.stderr
    return result.stdout


def logged_metrics(text: str) -> dict[str, float]:
    return {name: float(value) for name, value in re.findall(r"validation:(\w+)=([-.0-9]+)", text)}


def test_the_log_contains_metrics_that_a_regex_can_parse(project: Path) -> None:
    values = logged_metrics((project / "train.py.log").read_text())
    assert set(values) == {*score.TARGETS, "score"}
    expected = sum(values[name] * weight for name, weight in zip(score.TARGETS, score.WEIGHTS, strict=True))
    assert values["score"] == pytest.approx(expected, abs=1e-5)


def test_held_out_predictions_are_written_beside_the_model(project: Path, public: pd.DataFrame) -> None:
    held_out = pd.read_csv(project / "model/held_out.csv", index_col=0)
    assert tuple(held_out.columns) == score.TARGETS
    assert list(held_out.index) == list(public.index)
    values = logged_metrics((project / "train.py.log").read_text())
    for name in score.TARGETS:
        rows = public[name].notna().to_numpy() & held_out[name].notna().to_numpy()
        assert values[name] == pytest.approx(r2_score(public[name][rows], held_out[name][rows]), abs=2e-6)


def test_a_model_without_held_out_predictions_is_refitted_for_each_fold(fork: Path, some_rows: pd.DataFrame) -> None:
    text = train_fork(fork, some_rows, "--folds", 4)
    assert text.count("fitting without fold") == 4
    held_out = pd.read_csv(fork / "model/held_out.csv", index_col=0)
    for _, rows in some_rows.groupby("SiteID"):
        predicted = held_out.loc[rows.index, "CuPPM"]
        assert predicted.nunique() == 1  # the mean of the other folds, which contain no rows of this hole
        assert predicted.iloc[0] != pytest.approx(some_rows["CuPPM"].mean(), abs=1e-9)
    assert "validation:score=" in text


def test_folds_0_holds_nothing_out(fork: Path, some_rows: pd.DataFrame) -> None:
    text = train_fork(fork, some_rows, "--folds", 0)
    assert "no drill hole is held out: --folds 0" in text
    assert "no validation score" in text
    assert "validation:" not in text
    assert pd.read_csv(fork / "model/held_out.csv", index_col=0).isna().all(axis=None)
    refusal = run_here(fork / "train.py", "--folds", 1, cwd=fork)
    assert refusal.returncode == 2
    assert "--folds must be 0, or between 2" in refusal.stderr


def test_hyperparameters_are_arguments(fork: Path, some_rows: pd.DataFrame) -> None:
    text = train_fork(fork, some_rows, "--factor", 2, "--unknown", "x", "--folds", 0)
    assert "; ignored arguments: --unknown x\n" in text
    run_script(fork / "predict.py")
    predicted = pd.read_csv(fork / "data/predictions/public.csv.out", header=None)
    np.testing.assert_allclose(predicted[score.TARGETS.index("CuPPM")], 2 * some_rows["CuPPM"].mean())
    assert len(predicted) == len(some_rows)
    refusal = run_here(fork / "train.py", "--factor", "big", cwd=fork)
    assert (refusal.returncode, "--factor" in refusal.stderr) == (2, True)


def test_known_arguments_are_not_reported_as_ignored(project: Path) -> None:
    for script in ("train.py", "preprocess.py"):
        assert "ignored" not in (project / f"{script}.log").read_text()


def test_a_class_of_train_py_can_be_loaded_if_the_module_is_imported(fork: Path, some_rows: pd.DataFrame) -> None:
    """If train.py is run as a script, its module is __main__, which is another module in the server."""
    train_fork(fork, some_rows, "--folds", 0)
    model = (fork / "model/model.pkl").read_bytes()
    assert b"__main__" not in model
    with modules_of(fork):
        import train

        assert train.model_fn(fork / "model").predict


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("return None", "train.py: fit() must return a model that has predict(); it returned NoneType"),
        ("return (inputs, targets)", "train.py: fit() must return a model that has predict()"),
        (
            "model = Mine(); model.predict = lambda X: np.ones((len(X), 49)); return model",
            "train.py: the model cannot be pickled: ",
        ),
    ],
)
def test_an_invalid_fit_is_reported_in_one_line(fork: Path, some_rows: pd.DataFrame, body: str, reason: str) -> None:
    (fork / "train.py").write_text(re.sub(r"    return Limited.*", f"    {body}", FIT))
    write_csv(fork / "data/public/public.csv.gz", some_rows)
    assert reason_of(run_here(fork / "train.py", cwd=fork)).startswith(reason)
    assert not list(fork.glob("model/*"))


def test_a_changed_preprocess_py_is_reported_until_the_model_is_retrained(fork: Path, some_rows: pd.DataFrame) -> None:
    train_fork(fork, some_rows, "--folds", 0)
    source = (fork / "preprocess.py").read_text()
    assert "DECIMALS = " in source
    (fork / "preprocess.py").write_text("# a comment\n" + source.replace('"""Step 2:', '"""Another docstring:'))
    run_script(fork / "predict.py")
    (fork / "preprocess.py").write_text(re.sub(r"DECIMALS = \d+", "DECIMALS = 3", source))
    reason = "preprocess.py was changed after the model was trained: run train.py again"
    assert reason_of(run_here(fork / "predict.py", cwd=fork)) == f"predict.py: {reason}\n"
    with modules_of(fork):
        import train

        with pytest.raises(ValueError, match=reason):
            train.model_fn(fork / "model")
    run_script(fork / "train.py", "--folds", 0)
    run_script(fork / "predict.py")


PANDAS = """
import pandas as pd
from preprocess_of_the_template import *


def preprocess(data_file):
    data = pd.read_csv(data_file, index_col=0)
    channels = [name for name in data if name not in IDS + TARGETS]
    inputs = data[channels[:30]].set_axis([f"bin_{float(name)}_{float(name)}" for name in channels[:30]], axis=1)
    return inputs, data.reindex(columns=TARGETS) if "CuPPM" in data else None
"""


def test_a_preprocess_need_not_return_holes(fork: Path, some_rows: pd.DataFrame) -> None:
    (fork / "preprocess.py").rename(fork / "preprocess_of_the_template.py")
    (fork / "preprocess.py").write_text(PANDAS)
    text = train_fork(fork, some_rows, "--folds", 3)
    assert text.count("fitting without fold") == 3
    run_script(fork / "predict.py")


def test_empty_drill_holes_are_refused(fork: Path, some_rows: pd.DataFrame) -> None:
    write_csv(fork / "data/public/public.csv.gz", some_rows.assign(SiteID=""))
    assert "the column 'SiteID', the drill hole, is empty" in reason_of(run_here(fork / "train.py", cwd=fork))


def test_never_measured_targets_and_a_single_hole_are_reported(some_rows: pd.DataFrame, fork: Path) -> None:
    text = train_fork(fork, some_rows.assign(SiteID="DD001", AgPPM=np.nan))
    assert "never measured, and therefore not predicted: AgPPM\n" in text
    assert "rows were held out, so the validation score is optimistic" in text
    run_script(fork / "predict.py")
    run_script(fork / "score.py")
