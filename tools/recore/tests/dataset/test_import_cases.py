"""About a thousand made-up files: import gives the right numbers or asks, and plain files need no question."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis.strategies import DataObject, SearchStrategy, data
from recore_support.import_cases import CASES
from recore_support.import_cases.case import Case, Outcome, run_case, tally
from recore_support.import_cases.drawing import assay_cases, join_cases, spectrum_cases
from stagemaker_support.fuzzing import examples

pytestmark = pytest.mark.xdist_group("import-cases")  # so that all cases run once


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> list[Outcome]:
    return [run_case(case, tmp_path_factory.mktemp("case")) for case in CASES]


def test_no_file_is_silently_wrong(outcomes: list[Outcome]) -> None:
    assert not [outcome for outcome in outcomes if outcome.verdict == "wrong"], tally(outcomes)


def test_plain_files_are_read_without_a_question(outcomes: list[Outcome]) -> None:
    plain = [outcome for outcome in outcomes if outcome.case.is_plain]
    assert len(plain) >= 100
    assert sum(outcome.verdict == "asked" for outcome in plain) <= 1, tally(plain)


def test_each_open_file_raises_its_question(outcomes: list[Outcome]) -> None:
    others = [outcome for outcome in outcomes if not outcome.case.is_plain]
    assert not [outcome for outcome in others if outcome.verdict == "asked"], tally(others)


@pytest.mark.parametrize("cases", [spectrum_cases(), assay_cases(), join_cases()], ids=["spectra", "assays", "joins"])
@examples(100)
@given(data())
def test_no_drawn_file_is_silently_wrong(cases: SearchStrategy[Case], data: DataObject) -> None:
    with TemporaryDirectory() as folder:
        outcome = run_case(data.draw(cases), Path(folder))
    assert outcome.verdict != "wrong", str(outcome)
