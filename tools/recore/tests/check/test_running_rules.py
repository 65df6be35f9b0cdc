"""Of the rules that run a submission, only the violated rule flags a broken submission, and none flags a sound one."""

import graphlib
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from recore_support.broken_submissions import CASES, names
from recore_support.checking import check, running_rules
from recore_support.edited_submissions import SUBMISSIONS, Case, chain, make
from support.checkout import ROOT
from support.data_files import write_csv
from support.once import make_once

from recore.check import experiment_jobs
from recore.check.runner import load_catalogue
from recore.check.submission_tree import pack_project
from recore.dataset.sample_files import Plan, make_sample
from recore.evaluation.submission import read_submission
from recore.template.new_submission import list_models, write_submission
from stagemaker.server import Simulator

FAST_CASE = "RC301 requirements invalid"
MEASURING_RULES = ("RC304", "RC305")  # rules that measure CPU time and memory
RETRAINING_RULES = ("RC303", "RC304", "RC305")  # rules that train several times
HOST_RULES = ("RC801", "RC802", "RC803", "RC804", "RC805")


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


def public_data(factory: pytest.TempPathFactory, name: str, rows: int, holes: int) -> Path:
    plan = Plan(rows=rows, holes=holes, channels=100)
    return make_once(factory, name, lambda folder: make_sample(folder, plan)) / "public/public.csv.gz"


@pytest.fixture(scope="session")
def small_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return public data with 84 rows, 100 channels and 11 drill holes."""
    return public_data(tmp_path_factory, "small-sample", 120, 15)


@pytest.fixture(scope="session")
def few_rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return public data with so few rows that real data would need hundreds of times as much time and memory."""
    return public_data(tmp_path_factory, "few-rows", 18, 6)


def test_every_rule_has_a_broken_submission() -> None:
    covered = {name.split()[0] for name in names(found=True, runs=True)}
    assert set(running_rules()) - covered == {"RC406", "RC508"}  # they have separate tests


def _marks(name: str) -> list[pytest.MarkDecorator]:
    if name == FAST_CASE:
        return []
    return [pytest.mark.timing if name in MEASURING_RULES else pytest.mark.slow]


@pytest.mark.parametrize("name", [pytest.param(name, marks=_marks(name)) for name in names(found=True, runs=True)])
def test_a_broken_submission_is_flagged_by_its_rule_alone(
    name: str, simulator: Simulator, small_data: Path, few_rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the group of the expected rule runs: running all rules on all submissions would take half an hour."""
    monkeypatch.setattr(experiment_jobs, "REQUEST_SECONDS", 2 if name == "RC605 late" else 60)
    case, expected_code = CASES[name], name.split()[0]
    submission = make(case, tmp_path / "mine")
    group = tuple(code for code in running_rules() if code[:3] == name[:3])
    public, seconds = few_rows if expected_code in MEASURING_RULES else small_data, None
    if name == "RC804 never ends":
        seconds = 30
    findings = check(simulator, submission, public, group, seconds)
    assert list(findings) == [expected_code], findings
    finding = findings[expected_code][0]
    assert case.message in finding.message
    assert finding.level is case.level
    if expected_code in HOST_RULES:
        assert (finding.location.file if finding.location else "") == case.file
        return
    assert len(findings[expected_code]) == 1
    if finding.location:
        lines = (submission / finding.location.file).read_text().splitlines()
        assert 0 <= finding.location.line <= len(lines)


@pytest.mark.slow
@pytest.mark.parametrize("submission", [SUBMISSIONS / "sound", ROOT], ids=["sound", "template"])
def test_a_submission_that_stays_inside_its_job_has_no_findings_for_hosts(
    submission: Path, simulator: Simulator, sample: Path
) -> None:
    assert check(simulator, submission, sample / "public/public.csv.gz", HOST_RULES) == {}


NEVER_MEASURED = "targets that were never measured"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sound", "archive", NEVER_MEASURED, *names(found=False, runs=True)[:3]])
def test_a_sound_submission_has_no_findings_and_nothing_is_left_behind(
    name: str, simulator: Simulator, small_data: Path, tmp_path: Path
) -> None:
    submission, public = SUBMISSIONS / "sound", small_data
    codes = [] if name == "sound" else [code for code in running_rules() if code not in RETRAINING_RULES + HOST_RULES]
    if name == "archive":
        submission = tmp_path / "src.tar.gz"
        submission.write_bytes(read_submission(SUBMISSIONS / "sound").archive)
    elif name == NEVER_MEASURED:
        data = pd.read_csv(small_data, index_col=0)
        data["RePPM"] = float("nan")
        public = write_csv(tmp_path / "public.csv.gz", data.drop(columns="TlPPM"))
    elif name != "sound":
        submission = make(CASES[name], tmp_path / "mine")
    assert check(simulator, submission, public, codes) == {}
    sagemaker = simulator.client("sagemaker")
    assert sagemaker.list_endpoints()["Endpoints"] == []
    assert sagemaker.list_endpoint_configs()["EndpointConfigs"] == []
    assert sagemaker.list_models()["Models"] == []


@pytest.mark.slow
def test_a_block_of_zeros_in_the_data_is_reported(simulator: Simulator, sample: Path, tmp_path: Path) -> None:
    data = pd.read_csv(sample / "public/public.csv.gz", index_col=0).iloc[::8]
    channels = [name for name in data if name[:1].isdigit()]
    data.loc[data.index[:3], channels[len(channels) // 3 : len(channels) // 2]] = 0
    findings = check(simulator, ROOT, write_csv(tmp_path / "public.csv.gz", data), ("RC501", "RC502", "RC507", "RC508"))
    assert list(findings) == ["RC508"]
    assert f"in 3 of {len(data)} rows, a block of channels is 0" in findings["RC508"][0].message


@pytest.mark.slow
@pytest.mark.parametrize("model", ["template", *(name for name in list_models() if name != "ridge")])  # same as ridge
def test_the_template_has_no_findings(model: str, simulator: Simulator, sample: Path, tmp_path: Path) -> None:
    if model != "template":
        write_submission(tmp_path / "new", model)
    submission = ROOT if model == "template" else tmp_path / "new"
    assert check(simulator, submission, sample / "public/public.csv.gz") == {}


def test_rules_can_run_in_the_order_of_their_dependencies() -> None:
    graphlib.TopologicalSorter({rule.code: rule.needs for rule in load_catalogue()}).prepare()


def test_a_folders_archive_contains_what_a_build_needs(tmp_path: Path) -> None:
    folder = make(Case(chain(), runs=True), tmp_path / "mine")
    for name in ("data", ".git", "model"):
        (folder / name).mkdir()
        (folder / name / "file").write_text("excluded")
    (folder / "out").symlink_to("/etc/passwd")
    with tarfile.open(fileobj=io.BytesIO(pack_project(folder))) as tar:
        names = tar.getnames()
    assert names == sorted(path.name for path in (SUBMISSIONS / "sound").glob("*.*"))
