"""About a thousand made-up files: import gives the right numbers or asks, and plain files need no question."""

import pytest
from recore_support.import_cases import CASES
from recore_support.import_cases.case import Outcome, run_case, tally

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
