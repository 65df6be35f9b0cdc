"""Rules that run a submission: each broken submission is flagged by the rule that it breaks alone, sound ones by none.

A broken submission is tests/submissions/sound with the files of its folder in tests/submissions/broken_when_run.
"""

import graphlib
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from support.checking import SUBMISSIONS, all_rules, broken, check
from support.checkout import ROOT, run
from support.data_files import write_csv
from support.run_command import make_once

from recore.check.project import pack_project
from recore.check.rule import Finding, Level
from recore.dataset.sample_files import Plan, make_sample
from recore.pipeline import requests
from recore.pipeline.submission import read_submission
from recore.simulator.server import Simulator
from recore.template.new_submission import list_models, write_submission

# for each broken submission its rule, and what the finding must say
FLAGGED = {
    "archive_differs": ("RC251", "holds also NOTES.txt"),
    "setup_fails": ("RC251", "setup.py: run me at home"),
    "requirements_invalid": ("RC252", "'numpy=2.5.1'"),
    "version_missing": ("RC252", "tabulate==0.9.99"),
    "helper_not_packed": ("RC301", "No module named 'helpers'"),
    "fixed_rows": ("RC302", "these are not my data"),
    "not_repeatable": ("RC303", "predict differently"),
    "slow_training": ("RC304", "minutes for 18000 rows"),
    "much_memory": ("RC305", "% for 18000 rows"),
    "class_in_train": ("RC401", "__main__.Limited"),
    "module_in_temporary_folder": ("RC402", "the module made_here"),
    "cloudpickle_model": ("RC403", "made with cloudpickle"),
    "command_in_pickle": ("RC404", "posix.getcwd"),
    "other_model_file": ("RC405", "model.pickle"),
    "preprocess_imports_module": ("RC501", "No module named 'linear'"),
    "row_dropped": ("RC502", "87 rows for 88"),
    "rows_sorted": ("RC502", "another order"),
    "index_replaced": ("RC502", "'row0'"),
    "needs_assays": ("RC503", "KeyError: 'CuPPM'"),
    "assay_in_inputs": ("RC504", "bin_11"),
    "mean_of_file": ("RC505", "only 24 of its rows"),
    "many_digits": ("RC506", "130 MB"),
    "index_as_input": ("RC601", "(88,13)"),
    "header_in_answer": ("RC602", "'AgPPM' is not a number"),
    "index_in_answer": ("RC602", "seems to be an index"),
    "column_missing": ("RC602", "48 columns"),
    "not_finite": ("RC602", "is inf"),
    "columns_swapped": ("RC603", "CuPPM, fits FePCT"),
    "constant": ("RC604", "the same for all rows"),
    "negative": ("RC604", "negative"),
    "far_outside": ("RC604", "far outside"),
    "first_line_dropped": ("RC605", "two batches of lines"),
    "mean_of_request": ("RC605", "some rows with the header"),
    "exact_content_type": ("RC606", "charset=utf-8"),
    "coerced_cells": ("RC607", "the text abc"),
    "silent_error": ("RC607", "does not name the reason"),
    "type_not_named": ("RC607", "does not name the content type"),
    "exits_on_request": ("RC608", "does not answer"),
    "state_of_server": ("RC608", "answers differently"),
    "predict_clips": ("RC609", "something else than the server"),
    "predict_fails": ("RC609", "cannot import name 'TARGETS'"),
    "held_out_poor": ("RC701", "held-out drill holes"),
    "assays_of_other_rows": ("RC702", "worse than the mean of each assay"),
}
WARNINGS = {"RC403", "RC506", "RC604", "RC606", "RC607", "RC701", "RC702"}
QUICK = ("requirements_invalid",)
AGAIN = ("RC303", "RC304", "RC305")  # they train again and again

# the same for tests/submissions/broken_for_host: rule, text, file of the place
OBSERVED = {
    "telemetry": ("RC801", "example.org", "train.py"),
    "looks_around": ("RC802", "/etc/passwd", "preprocess.py"),
    "runs_shell": ("RC803", "os.system true", "train.py"),
    "kills_parent": ("RC804", "cannot be observed", ""),
    "fails_observed": ("RC804", "Step train fails while it is observed", ""),
    "forks": ("RC804", "more processes", ""),
    "never_ends": ("RC804", "exceeded its time limit", ""),
    "native_code": ("RC805", "libc.so.6", "train.py"),
}
FOR_HOST = ("RC801", "RC802", "RC803", "RC804", "RC805")


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


@pytest.fixture(scope="session")
def small_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Public data of 88 rows, 100 channels and 11 drill holes."""
    plan = Plan(rows=120, holes=15, channels=100)
    return (
        make_once(tmp_path_factory, "small-sample", lambda folder: make_sample(folder, plan)) / "public/public.csv.gz"
    )


def test_every_broken_submission_and_every_rule_is_in_the_table() -> None:
    assert set(FLAGGED) == {path.name for path in (SUBMISSIONS / "broken_when_run").iterdir()}
    flagging = {code for code, _ in FLAGGED.values()}
    assert {code for code in all_rules() if not code.startswith("RC8")} - flagging == {
        "RC406",
        "RC610",
    }  # these have tests of their own


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in FLAGGED]
)
def test_a_broken_submission_is_flagged_by_its_rule_alone(
    name: str, simulator: Simulator, small_data: Path, tmp_path: Path
) -> None:
    """Among the rules of its group: to run all rules on each of these submissions would take half an hour."""
    code, text = FLAGGED[name]
    group = tuple(other for other in all_rules() if other[:3] == code[:3])
    found = check(simulator, broken(name, tmp_path), small_data, group)
    assert list(found) == [code], found
    (finding,) = found[code]
    assert text in finding.message
    if finding.place:
        lines = (tmp_path / name / finding.place.file).read_text().splitlines()
        assert 0 <= finding.place.line <= len(lines)
    if code in WARNINGS:
        assert finding.level is Level.WARNING


@pytest.mark.slow
@pytest.mark.parametrize("name", OBSERVED)
def test_what_a_submission_tries_is_reported_to_a_host(
    name: str, simulator: Simulator, small_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name == "never_ends":
        monkeypatch.setattr(requests, "JOB_SECONDS", 30)  # of an hour
    code, text, file = OBSERVED[name]
    found = check(simulator, broken(name, tmp_path, "broken_for_host"), small_data, FOR_HOST)
    assert list(found) == [code], found
    assert text in found[code][0].message
    assert (found[code][0].place.file if found[code][0].place else "") == file


@pytest.mark.slow
@pytest.mark.parametrize("submission", [SUBMISSIONS / "sound", ROOT], ids=["sound", "template"])
def test_a_submission_that_keeps_to_itself_has_nothing_to_report(
    submission: Path, simulator: Simulator, sample: Path
) -> None:
    assert check(simulator, submission, sample / "public/public.csv.gz", FOR_HOST) == {}


@pytest.mark.slow
def test_the_sound_submission_has_no_findings(simulator: Simulator, small_data: Path) -> None:
    assert check(simulator, SUBMISSIONS / "sound", small_data) == {}


@pytest.mark.slow
@pytest.mark.parametrize("model", [name for name in list_models() if name != "ridge"])  # that is the template
def test_a_new_submission_has_no_findings(model: str, simulator: Simulator, sample: Path, tmp_path: Path) -> None:
    write_submission(tmp_path / "new", model)
    assert check(simulator, tmp_path / "new", sample / "public/public.csv.gz") == {}


@pytest.mark.slow
def test_the_template_has_no_findings(simulator: Simulator, sample: Path) -> None:
    assert check(simulator, ROOT, sample / "public/public.csv.gz") == {}


def check_trained_once(simulator: Simulator, submission: Path, public: Path) -> dict[str, list[Finding]]:
    """The findings of all rules but those that train again."""
    codes = tuple(code for code in all_rules() if not code.startswith("RC8") and code not in AGAIN)
    return check(simulator, submission, public, codes)


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    """A copy of the sound submission to change."""
    (tmp_path / "copy").mkdir()
    for path in (SUBMISSIONS / "sound").glob("*.*"):
        (tmp_path / "copy" / path.name).write_bytes(path.read_bytes())
    return tmp_path / "copy"


@pytest.mark.slow
def test_a_model_that_was_trained_before_a_change_is_reported(
    simulator: Simulator, sample: Path, tmp_path: Path
) -> None:
    folder, public = tmp_path / "new", sample / "public/public.csv.gz"
    write_submission(folder)
    done = run("train.py", "--data_dir", public.parent, "--folds", "0", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert check(simulator, folder, public, ("RC609", "RC610")) == {}
    replace(folder / "preprocess.py", "BIN = 7", "BIN = 8")
    (finding,) = check(simulator, folder, public, ("RC609", "RC610"))["RC610"]
    assert "preprocess.py was changed after the model was trained" in finding.message


@pytest.mark.slow
def test_a_model_of_another_scikit_learn_is_reported(simulator: Simulator, sample: Path, tmp_path: Path) -> None:
    folder, public = tmp_path / "new", sample / "public/public.csv.gz"
    write_submission(folder, "pls")
    done = run("train.py", "--data_dir", public.parent, "--folds", "0", cwd=folder)
    assert done.returncode == 0, done.stderr
    content = (folder / "model/model.pkl").read_bytes()
    version = b"\x8c\x051.9.0"  # as the pickle holds scikit-learn's version
    assert version in content
    (folder / "model/model.pkl").write_bytes(content.replace(version, b"\x8c\x051.4.2"))
    (finding,) = check(simulator, folder, public, ("RC609", "RC610"))["RC610"]
    assert "1.4.2" in finding.message


@pytest.mark.slow
def test_a_submission_that_removes_what_a_job_reports_is_named(
    sound: Path, simulator: Simulator, small_data: Path
) -> None:
    removal = 'def main():\n    import shutil\n\n    shutil.rmtree(BASE + "/output/results", ignore_errors=True)\n'
    replace(sound / "preprocess.py", "def main():\n", removal)
    found = check(simulator, sound, small_data, ("RC501", "RC502", "RC503", "RC504", "RC505"))
    assert list(found) == ["RC503"]
    assert "cannot be tried" in found["RC503"][0].message


@pytest.mark.slow
def test_an_archive_has_no_findings(sound: Path, simulator: Simulator, small_data: Path, tmp_path: Path) -> None:
    archive = tmp_path / "src.tar.gz"
    archive.write_bytes(read_submission(sound).archive)
    assert check_trained_once(simulator, archive, small_data) == {}


@pytest.mark.slow
def test_one_transform_function_in_place_of_three_has_no_findings(
    sound: Path, simulator: Simulator, small_data: Path
) -> None:
    hook = "    return output_fn(apply(read(data, content_type), model), accept)\n"
    replace(sound / "train.py", "def input_fn(", "def read(")
    replace(sound / "train.py", "def predict_fn(", "def apply(")
    replace(
        sound / "train.py",
        "def output_fn(",
        f"def transform_fn(model, data, content_type, accept):\n{hook}\n\ndef write(",
    )
    replace(sound / "train.py", "return output_fn(", "return write(")
    (sound / "predict.py").unlink()
    assert check_trained_once(simulator, sound, small_data) == {}


@pytest.mark.slow
def test_the_default_predict_fn_and_a_package_have_no_findings(
    sound: Path, simulator: Simulator, small_data: Path
) -> None:
    replace(sound / "train.py", "def predict_fn(inputs, model):\n    return model.predict(inputs)\n\n\n", "")
    replace(sound / "train.py", "from linear import", "from models.linear import")
    replace(sound / "setup.py", ', "linear"]', '], packages=["models"]')
    (sound / "models").mkdir()
    (sound / "models/__init__.py").touch()
    (sound / "linear.py").rename(sound / "models/linear.py")
    (sound / "predict.py").unlink()
    assert check_trained_once(simulator, sound, small_data) == {}


@pytest.mark.slow
def test_a_target_that_was_never_measured_has_no_findings(
    simulator: Simulator, small_data: Path, tmp_path: Path
) -> None:
    data = pd.read_csv(small_data, index_col=0)
    data["RePPM"] = float("nan")
    write_csv(tmp_path / "public.csv.gz", data.drop(columns="TlPPM"))
    assert check_trained_once(simulator, SUBMISSIONS / "sound", tmp_path / "public.csv.gz") == {}


def test_rules_can_run_in_the_order_of_their_needs() -> None:
    rules = all_rules()
    order = list(graphlib.TopologicalSorter({code: rule.needs for code, rule in rules.items()}).static_order())
    assert set(order) == set(rules)


def test_the_archive_of_a_folder_holds_what_a_build_needs(sound: Path) -> None:
    for name in ("data", ".git", "model"):
        (sound / name).mkdir()
        (sound / name / "file").write_text("left out")
    (sound / "out").symlink_to("/etc/passwd")
    with tarfile.open(fileobj=io.BytesIO(pack_project(sound))) as tar:
        names = tar.getnames()
    assert names == sorted(path.name for path in (SUBMISSIONS / "sound").glob("*.*"))
