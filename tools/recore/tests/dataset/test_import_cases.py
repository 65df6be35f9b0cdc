"""About a thousand made-up files: import gives the right numbers or asks, and plain files need no question."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from recore_support.import_cases import CASES
from recore_support.import_cases.case import Case
from recore_support.import_cases.drawing import assay_cases, join_cases, spectrum_cases
from recore_support.import_cases.running import Outcome, listing, run_case, tally
from stagemaker_support.fuzzing import examples

pytestmark = pytest.mark.xdist_group("import-cases")  # so that all cases run once


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> list[Outcome]:
    return [run_case(case, tmp_path_factory.mktemp("case")) for case in CASES]


def test_cases_have_different_names() -> None:
    names = [f"{case.name} {case.options or ''}" for case in CASES]
    assert len(set(names)) == len(names), sorted({name for name in names if names.count(name) > 1})
    assert sum(case.is_plain for case in CASES) >= 100


def test_no_file_is_silently_wrong(outcomes: list[Outcome]) -> None:
    wrong = [outcome for outcome in outcomes if outcome.verdict == "wrong"]
    assert not wrong, f"\n{tally(outcomes)}\n{listing(wrong, 'wrong')}"


def test_plain_files_are_read_without_a_question(outcomes: list[Outcome]) -> None:
    plain = [outcome for outcome in outcomes if outcome.case.is_plain]
    asked = [outcome for outcome in plain if outcome.verdict == "asked"]
    assert len(asked) <= 0.05 * len(plain), f"\n{tally(outcomes)}\n{listing(asked, 'asked')}"


def test_each_open_file_raises_its_question(outcomes: list[Outcome]) -> None:
    others = [outcome for outcome in outcomes if not outcome.case.is_plain and outcome.verdict == "asked"]
    assert not others, f"\n{tally(outcomes)}\n{listing(others, 'asked')}"


def check_drawn(case: Case) -> None:
    """Fail if the import is silently wrong, with the beginning of each file."""
    with TemporaryDirectory() as folder:
        outcome = run_case(case, Path(folder))
    beginnings = {name: content[:300] for name, content in case.files.items()}
    assert outcome.verdict != "wrong", f"{outcome}\n{beginnings}"


@examples(250)
@given(spectrum_cases())
def test_no_drawn_file_of_spectra_is_silently_wrong(case: Case) -> None:
    check_drawn(case)


@examples(150)
@given(assay_cases())
def test_no_drawn_assay_table_is_silently_wrong(case: Case) -> None:
    check_drawn(case)


@examples(100)
@given(join_cases())
def test_no_drawn_join_is_silently_wrong(case: Case) -> None:
    check_drawn(case)
