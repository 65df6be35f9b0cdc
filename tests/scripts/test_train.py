"""`python train.py`: its arguments, its output and the files that it writes.

The fixture `project` runs the scripts in separate processes. The fixture `fork`, a submission with a fast fit(), is
trained in this process.
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

# what replaces fit() in the template's train.py
FIT = '''
from sklearn.dummy import DummyRegressor

class Mean(DummyRegressor):
    """A class of train.py itself."""

def fit(inputs, targets, holes, factor: float = 1.0, depth=3, kernel="rbf", warm=False, shape=(1, 2), without=""):
    print("fit:", factor, depth, kernel, warm, shape)
    if without and without not in holes:
        raise ZeroDivisionError("a hole is missing")
    return Mean().fit(inputs, factor * targets)


'''
RIDGE = '''
def fit(inputs, targets, holes):
    """A submission may consist of this line, and need not have estimators.py."""
    return RidgeCV().fit(inputs, targets)


'''
# what may replace preprocess.py
PREPROCESS = f"""
import pandas as pd

GROUP = "SiteID"
ASSAYS = {list(score.TARGETS)}

def preprocess(data_file):
    data = pd.read_csv(data_file, index_col=0)
    inputs = data.loc[:, "4000":"3880"].add_prefix("nm ")
    return inputs, data[ASSAYS] if "CuPPM" in data else None
"""


@pytest.fixture(scope="module")
def some_rows(public: pd.DataFrame) -> pd.DataFrame:
    return public.iloc[::5]


def make_fork(folder: Path, fit: str) -> Path:
    copy_scripts(folder)
    old = (folder / "train.py").read_text()
    (folder / "train.py").write_text(old[: old.index("def fit(")] + fit + old[old.index("def save_model(") :])
    return folder


@pytest.fixture
def fork(tmp_path: Path) -> Path:
    return make_fork(tmp_path / "fork", FIT)


def train_fork(folder: Path, data: pd.DataFrame, *arguments: object) -> str:
    """Run `python train.py`, which writes the model to folder/model, and return its output."""
    write_csv(folder / "data/public/public.csv.gz", data)
    return run_script(folder / "train.py", *arguments)


def run_script(script: Path, *arguments: object) -> str:
    result = run_here(script, *arguments, cwd=script.parent)
    assert result.returncode == 0, result.stderr
    return result.stdout


def read_predictions(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "data/predictions/public.csv.out", header=None).set_axis(list(score.TARGETS), axis=1)


def test_the_log_contains_r2_of_the_held_out_predictions(project: Path, public: pd.DataFrame) -> None:
    held_out = pd.read_csv(project / "model/held_out.csv", index_col="index")
    assert tuple(held_out.columns) == score.TARGETS
    assert list(held_out.index) == list(public.index)
    expected = {name: r2_score(public[name], held_out[name]) for name in score.TARGETS}
    log = (project / "train.py.log").read_text()
    logged = {name: float(value) for name, value in re.findall(r"^validation:(\w+)=([-.0-9]+)$", log, re.MULTILINE)}
    assert logged == pytest.approx(expected | {"r2": np.mean([*expected.values()])}, abs=1e-6)
    assert "ignored" not in log


@pytest.mark.parametrize("holes", [10, 1])
def test_each_row_is_predicted_by_a_model_that_was_not_fitted_to_its_hole(
    holes: int, fork: Path, some_rows: pd.DataFrame
) -> None:
    """Each prediction is the mean assay of the other folds. With a single hole, individual rows are held out."""
    data = some_rows.assign(SiteID=some_rows["SiteID"] % holes)
    output = train_fork(fork, data, "--folds", 4)
    assert output.count("fitting without fold") == 4
    held_out = pd.read_csv(fork / "model/held_out.csv", index_col=0)
    folds = [rows for _, rows in data.groupby(held_out["CuPPM"].round(9))]
    assert len(folds) == 4
    for rows in folds:
        others = data.drop(rows.index)
        assert held_out.loc[rows.index, "CuPPM"].iloc[0] == pytest.approx(others["CuPPM"].mean())
        assert holes == 1 or not set(rows["SiteID"]) & set(others["SiteID"])


def test_holes_may_be_strings(fork: Path, some_rows: pd.DataFrame) -> None:
    train_fork(fork, some_rows)
    expected = (fork / "model/held_out.csv").read_text()
    train_fork(fork, some_rows.assign(SiteID=[f"DD{hole}" for hole in some_rows["SiteID"]]))
    assert (fork / "model/held_out.csv").read_text() == expected


def test_a_fold_that_cannot_be_fitted_is_named_and_has_no_predictions(fork: Path, some_rows: pd.DataFrame) -> None:
    output = train_fork(fork, some_rows, "--without", 4)
    assert len(re.findall(r"fold \d could not be predicted: ZeroDivisionError: a hole is missing\n", output)) == 1
    missing = pd.read_csv(fork / "model/held_out.csv", index_col=0).isna().all(axis=1)
    assert set(some_rows["SiteID"][missing]) < set(some_rows["SiteID"])
    assert missing[some_rows["SiteID"] == 4].all()
    assert "validation:r2=" in output
    run_script(fork / "predict.py")


@pytest.mark.parametrize("reason", ["no folds", "no time"])
def test_nothing_is_held_out_without_folds_or_time(reason: str, fork: Path, some_rows: pd.DataFrame) -> None:
    train_fork(fork, some_rows, "--folds", 2)
    assert (fork / "model/held_out.csv").exists()
    source = (fork / "train.py").read_text()
    assert "MAX_SECONDS = 50 * 60" in source
    if reason == "no time":
        (fork / "train.py").write_text(source.replace("MAX_SECONDS = 50 * 60", "MAX_SECONDS = 0"))
    output = train_fork(fork, some_rows, "--folds", 0 if reason == "no folds" else 2)
    assert "train: skipped validation: " in output
    assert "validation:r2=" not in output
    assert [path.name for path in fork.glob("model/*")] == ["model.pkl"]  # the older held_out.csv is removed


def test_hyperparameters_are_arguments_with_the_type_of_their_default(fork: Path, some_rows: pd.DataFrame) -> None:
    output = train_fork(fork, some_rows, *"--factor 2 --depth 4 --kernel 7 --warm true --unknown x --folds 2".split())
    assert output.count("fit: 2.0 4 7 True (1, 2)\n") == 3
    assert "; ignored arguments: --unknown x\n" in output
    run_script(fork / "predict.py")
    np.testing.assert_allclose(read_predictions(fork)["CuPPM"], np.full(len(some_rows), 2 * some_rows["CuPPM"].mean()))
    assert "fit: 1.0 3 rbf False (1, 2)\n" in train_fork(fork, some_rows, "--warm", "False", "--folds", 0)
    for argument, value in (("--factor", "big"), ("--depth", "1.5")):
        rejection = run_here(fork / "train.py", argument, value, cwd=fork)
        assert (rejection.returncode, argument in rejection.stderr) == (2, True)


def test_a_class_of_train_py_can_be_loaded_if_the_module_is_imported(fork: Path, some_rows: pd.DataFrame) -> None:
    """As a script, train.py is the module __main__; in the server, __main__ is a different module."""
    train_fork(fork, some_rows, "--folds", 0)
    with modules_of(fork):
        import train

        assert type(train.model_fn(fork / "model")) is train.Mean


def test_a_submission_may_consist_of_pandas_and_one_line(some_rows: pd.DataFrame, tmp_path: Path) -> None:
    folder = make_fork(tmp_path / "plain", RIDGE)
    (folder / "estimators.py").unlink()
    old = (folder / "train.py").read_text()
    (folder / "train.py").write_text(re.sub(r"^from estimators .*\n", "", old, flags=re.MULTILINE))
    (folder / "preprocess.py").write_text(PREPROCESS)
    output = train_fork(folder, some_rows, "--folds", 3)
    assert output.count("fitting without fold") == 3
    run_script(folder / "predict.py")
    assert read_predictions(folder).shape == (len(some_rows), 49)


def test_fit_may_return_a_dictionary_of_models_if_predict_fn_is_adapted(fork: Path, some_rows: pd.DataFrame) -> None:
    source = (fork / "train.py").read_text()
    for old, new in (
        ("return Mean().fit(inputs, factor * targets)", "return {n: Mean().fit(inputs, targets[n]) for n in targets}"),
        (
            "return np.asarray(model.predict(inputs), dtype=float)",
            "return list(zip(*(m.predict(inputs) for m in model.values())))",
        ),
    ):
        assert old in source
        source = source.replace(old, new)
    (fork / "train.py").write_text(source)
    output = train_fork(fork, some_rows, "--folds", 2)
    assert "validation:r2=" in output
    run_script(fork / "predict.py")
    assert read_predictions(fork)["CuPPM"].iloc[0] == pytest.approx(some_rows["CuPPM"].mean())


@pytest.mark.parametrize(
    ("script", "old", "new", "reason"),
    [
        ("train.py", "return Mean().fit(inputs, factor * targets)", "return None", "fit() returned None"),
        ("train.py", "fit(inputs, factor * targets)", "fit(inputs, targets['CuPPM'])", "(2,) instead of (2, 49)"),
        ("preprocess.py", "return inputs,", "return inputs[1:],", "preprocess() returned 54 of 55 rows"),
        ("preprocess.py", '.add_prefix("nm ")', "", "preprocess() uses numbers as column names"),
    ],
)
def test_a_mistake_in_fit_or_preprocess_is_reported_in_one_line(
    script: str, old: str, new: str, reason: str, fork: Path, some_rows: pd.DataFrame
) -> None:
    (fork / "preprocess.py").write_text(PREPROCESS)
    source = (fork / script).read_text()
    assert old in source
    (fork / script).write_text(source.replace(old, new))
    write_csv(fork / "data/public/public.csv.gz", some_rows)
    message = reason_of(run_here(fork / "train.py", cwd=fork))
    assert message.startswith("train.py: ")
    assert reason in message
    assert not (fork / "model").exists()


def test_gaps_and_a_target_that_was_never_measured(some_rows: pd.DataFrame, tmp_path: Path) -> None:
    data = some_rows.assign(AgPPM=np.nan, CuPPM=some_rows["CuPPM"].where(some_rows.index % 2 == 0))
    folder = copy_scripts(tmp_path / "gaps")
    output = train_fork(folder, data, "--folds", 2)
    assert "validation:CuPPM=" in output
    assert "validation:AgPPM=" not in output
    run_script(folder / "predict.py")
    predicted = read_predictions(folder)
    assert predicted["AgPPM"].isna().all()
    assert np.isfinite(predicted.drop(columns="AgPPM")).all(axis=None)
    assert "not scored, because fewer than two rows are measured: AgPPM\n" in run_script(folder / "score.py")
