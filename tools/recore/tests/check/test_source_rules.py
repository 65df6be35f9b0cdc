"""Each broken submission is flagged only by the rule that it violates, at the right line. Good ones are not flagged."""

import subprocess
from pathlib import Path

import pytest
from recore_support.broken_submissions import CASES, names
from recore_support.edited_submissions import SUBMISSIONS, make
from support.checkout import ROOT

from recore.check.rule import Level
from recore.check.runner import check_source, load_catalogue
from recore.check.script import parse_script
from recore.template.new_submission import list_models, write_submission


@pytest.mark.parametrize("name", names(found=True, runs=False))
def test_a_broken_submission_is_flagged_by_the_rule_that_it_breaks(name: str, tmp_path: Path) -> None:
    expected = CASES[name]
    folder = make(expected, tmp_path / "mine")
    results = check_source(folder)
    [(code, finding)] = [(result.rule.code, finding) for result in results for finding in result.findings]
    assert (code, finding.location.file, finding.level) == (name.split()[0], expected.file, expected.level)
    if expected.line:
        assert (folder / expected.file).read_text().splitlines()[finding.location.line - 1].strip() == expected.line
    else:
        assert finding.location.line == 0
    needs = {result.rule.code: result.rule.needs for result in results}
    for result in results:
        is_blocked = expected.level == Level.ERROR and depends_on(result.rule.code, code, needs)
        assert bool(result.skip_reason) == is_blocked, result.rule.code


def depends_on(code: str, other_code: str, needs: dict[str, tuple[str, ...]]) -> bool:
    """Return whether a rule depends on another rule, directly or indirectly."""
    return any(need == other_code or depends_on(need, other_code, needs) for need in needs[code])


@pytest.mark.parametrize("name", names(found=False, runs=False) + names(found=False, runs=True))
def test_code_that_only_looks_wrong_has_no_findings(name: str, tmp_path: Path) -> None:
    assert collect_findings(make(CASES[name], tmp_path / "mine")) == []


def test_every_rule_has_a_broken_submission_and_one_that_only_looks_broken() -> None:
    codes = {rule.code for rule in load_catalogue() if not rule.runs}
    assert {name.split()[0] for name in names(found=True, runs=False)} == codes
    assert {name.split()[0] for name in names(found=False, runs=False)} == codes


def test_complete_and_new_submissions_have_no_findings(tmp_path: Path) -> None:
    for model in list_models():
        write_submission(tmp_path / model, model)
    for folder in (*(SUBMISSIONS / "independent").iterdir(), ROOT, *tmp_path.iterdir()):
        assert collect_findings(folder) == [], folder


def collect_findings(folder: Path) -> list[object]:
    """Return the findings of all source rules, and check that all of these rules ran."""
    results = check_source(folder)
    assert [result.rule.code for result in results if result.skip_reason] == []
    return [finding for result in results for finding in result.findings]


def test_the_suggested_command_shows_the_syntax_error(tmp_path: Path) -> None:
    [finding] = [each for result in check_source(make(CASES["RC102"], tmp_path / "mine")) for each in result.findings]
    process = subprocess.run(finding.fix.split("`")[1], shell=True, capture_output=True, text=True)
    assert "SyntaxError: expected ':'" in process.stderr


def test_a_comment_that_is_not_utf_8_is_reported(tmp_path: Path) -> None:
    """Python cannot run such a file, although ast.parse accepts the same bytes."""
    script = parse_script("train.py", b"import os\n# caf\xe9\n")
    assert (script.problem, script.problem_line) == ("byte 0xe9 is not valid utf-8; save the file as UTF-8", 2)
    assert not parse_script("train.py", b"# coding: latin-1\n# caf\xe9\n").problem
