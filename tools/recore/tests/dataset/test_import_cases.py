"""About a thousand synthetic files yield the expected numbers or questions, and ordinary files raise no questions."""

import pytest
from recore_support.import_cases import CASES
from recore_support.import_cases.case import failure_of


def test_files_are_read_rightly_or_asked_about(tmp_path_factory: pytest.TempPathFactory) -> None:
    reasons = [(case, failure_of(case, tmp_path_factory.mktemp("case"))) for case in CASES]
    failures = [f"{reason} {case}" for case, reason in reasons if reason]
    assert not failures, "\n".join(failures)
