"""Rules that run a submission: a broken submission is flagged only by the rule that it breaks, a sound one by none.

The broken submissions are edits of submissions/sound: see recore_support/broken_submissions.py.
"""

import graphlib
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from recore_support.broken_submissions import DEFECTS, make_broken
from recore_support.checking import SUBMISSIONS, check, running_rules
from recore_support.observed_submissions import FOR_HOST
from support.checkout import ROOT
from support.data_files import write_csv
from support.once import make_once

from benchmarks.mutants.editing import replace
from recore.check import experiment_jobs
from recore.check.project import pack_project
from recore.check.rule import Finding, Level
from recore.dataset.sample_files import Plan, make_sample
from recore.evaluation import job_requests
from recore.evaluation.submission import read_submission
from recore.template.new_submission import list_models, write_submission
from stagemaker.server import Simulator

WARNINGS = {"RC403", "RC505", "RC506", "RC507", "RC604", "RC606", "RC610", "RC702", "RC703"}
FAST_TO_RUN = ("requirements_invalid",)
MEASURING_RULES = ("RC304", "RC305")  # rules that measure processor time and memory
RETRAINING_RULES = ("RC303", "RC304", "RC305")  # rules that train several times

HOST_RULES = ("RC801", "RC802", "RC803", "RC804", "RC805")


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


@pytest.fixture(scope="session")
def small_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return public data with 84 rows, 100 channels and 11 drill holes."""
    plan = Plan(rows=120, holes=15, channels=100)
    return (
        make_once(tmp_path_factory, "small-sample", lambda folder: make_sample(folder, plan)) / "public/public.csv.gz"
    )


@pytest.fixture(scope="session")
def few_rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return public data with so few rows that time and memory for the real data are hundreds of times as much."""
    plan = Plan(rows=18, holes=6, channels=100)
    return make_once(tmp_path_factory, "few-rows", lambda folder: make_sample(folder, plan)) / "public/public.csv.gz"


def test_every_rule_has_a_broken_submission() -> None:
    expected_codes = {broken.code for broken in DEFECTS.values()}
    codes = {code for code in running_rules() if not code.startswith("RC8")}
    assert codes - expected_codes == {"RC406", "RC508"}  # they have tests of their own


def _marks(name: str) -> list[pytest.MarkDecorator]:
    if name in FAST_TO_RUN:
        return []
    return [pytest.mark.timing if DEFECTS[name].code in MEASURING_RULES else pytest.mark.slow]


@pytest.mark.parametrize("name", [pytest.param(name, marks=_marks(name)) for name in DEFECTS])
def test_a_broken_submission_is_flagged_by_its_rule_alone(
    name: str,
    simulator: Simulator,
    small_data: Path,
    few_rows: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Only the group of the expected rule runs: running all rules on all submissions would take half an hour."""
    if name == "late":
        monkeypatch.setattr(experiment_jobs, "REQUEST_SECONDS", 2)  # instead of a minute
    broken = DEFECTS[name]
    submission = make_broken(broken, tmp_path / name)
    group = tuple(code for code in running_rules() if code[:3] == broken.code[:3])
    data = few_rows if broken.code in MEASURING_RULES else small_data
    findings = check(simulator, submission, data, group)
    assert list(findings) == [broken.code], findings
    (finding,) = findings[broken.code]
    assert broken.text in finding.message
    if finding.place:
        lines = (submission / finding.place.file).read_text().splitlines()
        assert 0 <= finding.place.line <= len(lines)
    if (broken.code in WARNINGS and name not in ("negative", "hole_as_inputs_of_folds")) or (
        name in ("first_line_dropped", "late")
    ):
        assert finding.level is Level.WARNING
    if broken.code == "RC701":  # the data file is small
        assert finding.level is Level.NOTE


@pytest.mark.slow
@pytest.mark.parametrize("name", FOR_HOST)
def test_what_a_submission_accesses_outside_its_job_is_reported_to_a_host(
    name: str, simulator: Simulator, small_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name == "never_ends":
        monkeypatch.setattr(job_requests, "JOB_SECONDS", 30)  # instead of an hour
    broken = FOR_HOST[name]
    findings = check(simulator, make_broken(broken, tmp_path / name), small_data, HOST_RULES)
    assert list(findings) == [broken.code], findings
    finding = findings[broken.code][0]
    assert broken.text in finding.message
    assert (finding.place.file if finding.place else "") == broken.file


@pytest.mark.slow
@pytest.mark.parametrize("submission", [SUBMISSIONS / "sound", ROOT], ids=["sound", "template"])
def test_nothing_is_reported_about_a_submission_that_stays_inside_its_job(
    submission: Path, simulator: Simulator, sample: Path
) -> None:
    assert check(simulator, submission, sample / "public/public.csv.gz", HOST_RULES) == {}


@pytest.mark.slow
def test_the_sound_submission_has_no_findings(simulator: Simulator, small_data: Path) -> None:
    assert check(simulator, SUBMISSIONS / "sound", small_data) == {}


@pytest.mark.slow
def test_a_block_of_zeros_in_the_data_is_reported(simulator: Simulator, sample: Path, tmp_path: Path) -> None:
    data = pd.read_csv(sample / "public/public.csv.gz", index_col=0).iloc[::8]
    channels = [name for name in data if name[:1].isdigit()]
    data.loc[data.index[:3], channels[len(channels) // 3 : len(channels) // 2]] = 0
    findings = check(simulator, ROOT, write_csv(tmp_path / "public.csv.gz", data), ("RC501", "RC502", "RC507", "RC508"))
    assert list(findings) == ["RC508"]
    assert f"in 3 of {len(data)} rows, channels are 0 in a block" in findings["RC508"][0].message


@pytest.mark.slow
def test_no_endpoint_or_model_is_left_behind(simulator: Simulator, small_data: Path) -> None:
    sagemaker = simulator.client("sagemaker")
    check(simulator, SUBMISSIONS / "sound", small_data, ("RC605", "RC606"))
    assert sagemaker.list_endpoints()["Endpoints"] == []
    assert sagemaker.list_endpoint_configs()["EndpointConfigs"] == []
    assert sagemaker.list_models()["Models"] == []


@pytest.mark.slow
@pytest.mark.parametrize("model", [name for name in list_models() if name != "ridge"])  # ridge is the template itself
def test_a_new_submission_has_no_findings(model: str, simulator: Simulator, sample: Path, tmp_path: Path) -> None:
    write_submission(tmp_path / "new", model)
    assert check(simulator, tmp_path / "new", sample / "public/public.csv.gz") == {}


@pytest.mark.slow
def test_the_template_has_no_findings(simulator: Simulator, sample: Path) -> None:
    assert check(simulator, ROOT, sample / "public/public.csv.gz") == {}


def check_without_retraining(simulator: Simulator, submission: Path, public: Path) -> dict[str, list[Finding]]:
    """Return the findings of all rules except RC8xx and the rules that train several times."""
    codes = tuple(code for code in running_rules() if not code.startswith("RC8") and code not in RETRAINING_RULES)
    return check(simulator, submission, public, codes)


@pytest.fixture
def sound_submission(tmp_path: Path) -> Path:
    """Return a copy of the sound submission that a test may change."""
    (tmp_path / "copy").mkdir()
    for path in (SUBMISSIONS / "sound").glob("*.*"):
        (tmp_path / "copy" / path.name).write_bytes(path.read_bytes())
    return tmp_path / "copy"


@pytest.mark.slow
def test_an_archive_has_no_findings(
    sound_submission: Path, simulator: Simulator, small_data: Path, tmp_path: Path
) -> None:
    archive = tmp_path / "src.tar.gz"
    archive.write_bytes(read_submission(sound_submission).archive)
    assert check_without_retraining(simulator, archive, small_data) == {}


@pytest.mark.slow
def test_transform_fn_instead_of_three_hooks_has_no_findings(
    sound_submission: Path, simulator: Simulator, small_data: Path
) -> None:
    hook = "    return output_fn(apply(read(data, content_type), model), accept)\n"
    replace("train.py", "def input_fn(", "def read(")(sound_submission)
    replace("train.py", "def predict_fn(", "def apply(")(sound_submission)
    replace(
        "train.py",
        "def output_fn(",
        f"def transform_fn(model, data, content_type, accept):\n{hook}\n\ndef write(",
    )(sound_submission)
    replace("train.py", "return output_fn(", "return write(")(sound_submission)
    (sound_submission / "predict.py").unlink()
    assert check_without_retraining(simulator, sound_submission, small_data) == {}


@pytest.mark.slow
def test_the_default_predict_fn_and_a_package_have_no_findings(
    sound_submission: Path, simulator: Simulator, small_data: Path
) -> None:
    replace("train.py", "def predict_fn(inputs, model):\n    return model.predict(inputs)\n\n\n", "")(sound_submission)
    replace("train.py", "from linear import", "from models.linear import")(sound_submission)
    replace("setup.py", ', "linear"]', '], packages=["models"]')(sound_submission)
    (sound_submission / "models").mkdir()
    (sound_submission / "models/__init__.py").touch()
    (sound_submission / "linear.py").rename(sound_submission / "models/linear.py")
    (sound_submission / "predict.py").unlink()
    assert check_without_retraining(simulator, sound_submission, small_data) == {}


@pytest.mark.slow
def test_a_target_that_was_never_measured_has_no_findings(
    simulator: Simulator, small_data: Path, tmp_path: Path
) -> None:
    data = pd.read_csv(small_data, index_col=0)
    data["RePPM"] = float("nan")
    write_csv(tmp_path / "public.csv.gz", data.drop(columns="TlPPM"))
    assert check_without_retraining(simulator, SUBMISSIONS / "sound", tmp_path / "public.csv.gz") == {}


def test_rules_can_run_in_the_order_of_their_dependencies() -> None:
    rules = running_rules()
    order = list(graphlib.TopologicalSorter({code: rule.needs for code, rule in rules.items()}).static_order())
    assert set(order) == set(rules)


def test_a_folders_archive_contains_what_a_build_needs(sound_submission: Path) -> None:
    for name in ("data", ".git", "model"):
        (sound_submission / name).mkdir()
        (sound_submission / name / "file").write_text("left out")
    (sound_submission / "out").symlink_to("/etc/passwd")
    with tarfile.open(fileobj=io.BytesIO(pack_project(sound_submission))) as tar:
        names = tar.getnames()
    assert names == sorted(path.name for path in (SUBMISSIONS / "sound").glob("*.*"))
