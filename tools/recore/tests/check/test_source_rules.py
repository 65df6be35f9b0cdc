"""Each broken submission is flagged only by the rule that it breaks, at the right line. Good ones are not flagged.

recore_support/flaws makes both by changes to submissions/good. Each is named after a rule, with a suffix if the rule
has several.
"""

import subprocess
from pathlib import Path

import pytest
from recore_support.check_page import PAGE
from recore_support.checking import SUBMISSIONS
from recore_support.flaws import FLAWS, VARIANTS, make_flawed, make_variant
from support.checkout import ROOT

from recore.check.catalogue import load_catalogue
from recore.check.rule import Level
from recore.check.runner import RuleResult, run_rules
from recore.check.script import parse_script
from recore.check.source import SubmissionSource
from recore.schema import TARGETS
from recore.template.new_submission import list_models, write_submission

SOURCE_RULES = [rule for rule in load_catalogue() if not rule.runs]
CODES_BY_NAME = {rule.name: rule.code for rule in SOURCE_RULES}


# Mistakes that users of such platforms have reported and that can be seen in the source. See "Published mistakes" in
# check-rules.md.
PUBLISHED_MISTAKES = {
    "C02": ["modules-uploaded"],
    "C03": ["preprocess-alone"],
    "C04": ["available-packages", "requirements-uploaded", "requirements-pinned"],
    "C05": ["container-versions"],
}


def check(folder: Path) -> list[RuleResult]:
    return run_rules(SOURCE_RULES, set(CODES_BY_NAME.values()), SubmissionSource(folder, TARGETS))


def rule_of(name: str) -> str | None:
    """Return the rule that a flaw or a variant is named after."""
    rules = [rule for rule in CODES_BY_NAME if name == rule or name.startswith(f"{rule}-")]
    return max(rules, key=len, default=None)


@pytest.mark.parametrize("name", FLAWS)
def test_a_broken_submission_is_flagged_by_the_rule_that_it_breaks(name: str, tmp_path: Path) -> None:
    folder = make_flawed(name, tmp_path / "mine")
    results = check(folder)
    [(code, finding)] = [(result.rule.code, finding) for result in results for finding in result.findings]
    expected = FLAWS[name]
    assert CODES_BY_NAME[rule_of(name)] == expected.code
    assert (code, finding.place.file, finding.level) == (expected.code, expected.file, expected.level)
    if expected.line:
        assert (folder / expected.file).read_text().splitlines()[finding.place.line - 1].strip() == expected.line
    else:
        assert finding.place.line == 0
    needs = {result.rule.code: result.rule.needs for result in results}
    for result in results:
        is_blocked = expected.level == Level.ERROR and depends_on(result.rule.code, code, needs)
        assert bool(result.not_run) == is_blocked, result.rule.code


def depends_on(code: str, other_code: str, needs: dict[str, tuple[str, ...]]) -> bool:
    """Return whether a rule depends on another rule, directly or indirectly."""
    return any(need == other_code or depends_on(need, other_code, needs) for need in needs[code])


@pytest.mark.parametrize("name", VARIANTS)
def test_a_good_variant_has_no_findings(name: str, tmp_path: Path) -> None:
    assert rule_of(name)
    assert collect_findings(make_variant(name, tmp_path / "mine")) == []


@pytest.mark.parametrize("rule", sorted(CODES_BY_NAME))
def test_every_rule_has_a_broken_submission_and_a_good_variant(rule: str) -> None:
    assert rule in FLAWS
    assert rule in VARIANTS


@pytest.mark.parametrize("number", sorted(PUBLISHED_MISTAKES))
def test_the_page_names_the_rules_that_find_published_mistakes(number: str) -> None:
    [row] = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith(f"| {number} |")]
    codes = {code.strip() for code in row.rstrip(" |").rpartition("|")[2].split(",")}
    running_codes = {rule.code for rule in load_catalogue() if rule.runs}
    assert codes - running_codes == {FLAWS[name].code for name in PUBLISHED_MISTAKES[number]}


@pytest.mark.parametrize("name", ["good", "random_numbers"])
def test_other_submissions_have_no_findings(name: str) -> None:
    assert collect_findings(SUBMISSIONS / name) == []


def test_this_submission_has_no_findings() -> None:
    assert collect_findings(ROOT) == []


@pytest.mark.parametrize("model", list_models())
def test_a_new_submission_has_no_findings(model: str, tmp_path: Path) -> None:
    write_submission(tmp_path / "mine", model)
    assert collect_findings(tmp_path / "mine") == []


def collect_findings(folder: Path) -> list[object]:
    """Return the findings of all source rules, and check that all of these rules ran."""
    results = check(folder)
    assert [result.rule.code for result in results if result.not_run] == []
    return [finding for result in results for finding in result.findings]


def test_a_backslash_at_the_end_of_a_manifest_line_counts_as_a_space(tmp_path: Path) -> None:
    write_submission(tmp_path / "mine", "pls")
    (tmp_path / "mine/MANIFEST.in").write_text("include\\\nrequirements.txt\n")
    assert collect_findings(tmp_path / "mine") == []


def test_the_command_that_shows_a_syntax_error_shows_it(tmp_path: Path) -> None:
    [finding] = [each for result in check(make_flawed("valid-python", tmp_path / "mine")) for each in result.findings]
    done = subprocess.run(finding.fix.split("`")[1], shell=True, capture_output=True, text=True)
    assert "SyntaxError: expected ':'" in done.stderr


def test_a_comment_that_is_not_utf_8_is_reported(tmp_path: Path) -> None:
    """Python refuses to run such a file, although ast.parse accepts the same bytes."""
    script = parse_script("train.py", b"import os\n# caf\xe9\n")
    assert (script.problem, script.problem_line) == ("byte 0xe9 is not utf-8; save the file as UTF-8", 2)
    assert not parse_script("train.py", b"# coding: latin-1\n# caf\xe9\n").problem
