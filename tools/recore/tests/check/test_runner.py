"""The order in which rules run, their dependencies, and how their results are reported."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

import pytest
from recore_support.edited_submissions import GOOD_CODE

from recore.check.rule import Finding, Level, Location, Rule
from recore.check.runner import RuleResult, choose_codes, load_catalogue, run_rules
from recore.check.source import SubmissionSource

ERROR = Finding("wrong", "correct it", Location("train.py", 1))
WARNING = Finding("odd", "look at it", level=Level.WARNING)


class Journal:
    """A source of rules and experiments that records each call to a rule and each use of experiments."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, object]] = []
        self.open_count = self.close_count = 0

    def rule(self, code: str, *details: Finding | str) -> Rule:
        """Return a rule; codes over RC3 run the submission. details: its findings and the codes that it needs."""

        def inspect(subject: object) -> list[Finding]:
            self.calls.append((code, subject))
            return [each for each in details if isinstance(each, Finding)]

        needs = tuple(each for each in details if isinstance(each, str))
        return Rule(code, f"rule-{code.lower()}", "One.", needs, inspect, runs=code > "RC3")

    @contextmanager
    def experiments(self) -> Iterator[str]:
        self.open_count += 1
        try:
            yield "experiments"
        finally:
            self.close_count += 1


@pytest.fixture
def source() -> SubmissionSource:
    return SubmissionSource(GOOD_CODE, ())


@pytest.fixture
def journal() -> Journal:
    return Journal()


def test_source_rules_run_first_and_share_one_source(journal: Journal, source: SubmissionSource) -> None:
    rules = [
        journal.rule("RC301", "RC501"),
        journal.rule("RC501"),
        journal.rule("RC102", "RC103"),
        journal.rule("RC103", WARNING),
    ]
    results = run_rules(rules, {"RC301", "RC102", "RC103"}, source, journal.experiments)
    calls = [("RC103", source), ("RC102", source), ("RC501", "experiments"), ("RC301", "experiments")]
    assert journal.calls == calls
    assert [result.rule.code for result in results] == ["RC102", "RC103", "RC301"]  # RC501 was needed, not selected
    assert (journal.open_count, journal.close_count) == (1, 1)


def test_results_are_shown_as_they_arrive(source: SubmissionSource) -> None:
    """Findings in the source do not wait for a job, and a rule does not wait for rules with other needs."""
    journal, shown = Journal(), Event()

    def wait_until_shown(_: object) -> list[Finding]:
        assert shown.wait(10)
        return []

    def show(results: list[RuleResult]) -> None:
        batches.append([result.rule.code for result in results])
        if batches[-1] == ["RC302"]:
            shown.set()

    batches: list[list[str]] = []
    rules = [
        journal.rule("RC101"),
        journal.rule("RC103", WARNING),
        Rule("RC301", "one", "One.", (), wait_until_shown, True),
        journal.rule("RC302", WARNING),
    ]
    run_rules(rules, {rule.code for rule in rules}, source, journal.experiments, show)
    assert [batch for batch in batches if batch] == [["RC101", "RC103"], ["RC302"], ["RC301"]]


@pytest.mark.parametrize(
    ("rules", "not_run", "order"),
    [
        (
            [("RC101", ERROR), ("RC102", "RC101"), ("RC103", "RC102"), ("RC104",)],
            {
                "RC102": "it needs RC101 (rule-rc101), which found an error",
                "RC103": "it needs RC102 (rule-rc102), which was not run",
                "RC104": "",
            },
            ["RC101", "RC104"],
        ),
        ([("RC101", WARNING), ("RC301", "RC101")], {"RC101": "", "RC301": ""}, ["RC101", "RC301"]),
        (
            [("RC101", ERROR), ("RC301",)],
            {"RC101": "", "RC301": "the submission is run only if RC101 (rule-rc101) finds no error"},
            ["RC101"],
        ),
        ([("RC101", ERROR), ("RC301",)], {"RC301": ""}, ["RC301"]),  # RC101 is not selected
        (
            [("RC301", ERROR), ("RC302",), ("RC303", "RC302")],
            {"RC301": "", "RC302": "", "RC303": ""},
            ["RC301", "RC302", "RC303"],
        ),
        ([("RC202", ERROR), ("RC301",)], {"RC301": "it needs RC202 (rule-rc202), which found an error"}, ["RC202"]),
    ],
)
def test_a_rule_runs_unless_an_error_prevents_it(
    rules: list[tuple[str, ...]], not_run: dict[str, str], order: list[str], journal: Journal, source: SubmissionSource
) -> None:
    results = run_rules([journal.rule(*each) for each in rules], set(not_run), source, journal.experiments)
    assert {result.rule.code: result.skip_reason for result in results} == not_run
    assert [code for code, _ in journal.calls] == order
    assert journal.open_count == (max(order) > "RC3")


def test_without_experiments_only_the_source_is_read(journal: Journal, source: SubmissionSource) -> None:
    rules = [journal.rule("RC101", ERROR, ERROR), journal.rule("RC301")]
    [result] = run_rules(rules, {"RC101", "RC301"}, source)
    assert result.findings == (ERROR,)  # the same finding is reported once
    assert journal.calls == [("RC101", source)]


def test_experiments_are_closed_when_a_rule_raises(journal: Journal, source: SubmissionSource) -> None:
    def inspect(_: object) -> list[Finding]:
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        run_rules([Rule("RC301", "one", "One.", (), inspect, True)], {"RC301"}, source, journal.experiments)
    assert journal.close_count == 1


def test_rules_are_selected_by_code_prefix(journal: Journal) -> None:
    rules = [journal.rule(code) for code in ("RC101", "RC102", "RC203", "RC801")]
    assert choose_codes(rules, [], [], for_host=False) == {"RC101", "RC102", "RC203"}
    assert choose_codes(rules, [], [], for_host=True) == {"RC101", "RC102", "RC203", "RC801"}
    assert choose_codes(rules, ["RC1", "RC203"], ["RC102"], for_host=False) == {"RC101", "RC203"}
    assert choose_codes(rules, ["RC8"], [], for_host=False) == {"RC801"}
    assert choose_codes(rules, [], ["RC"], for_host=False) == set()


@pytest.mark.parametrize(("select", "ignore"), [(["RC120"], []), ([], ["RC120"])])
def test_an_unknown_code_is_rejected_with_a_suggestion(select: list[str], ignore: list[str], journal: Journal) -> None:
    rules = [journal.rule(code) for code in ("RC102", "RC203")]
    with pytest.raises(ValueError, match=r"unknown rule 'RC120': did you mean RC102\?"):
        choose_codes(rules, select, ignore, for_host=False)


def test_the_catalogue_has_every_rule() -> None:
    rules = load_catalogue()
    assert len({rule.code for rule in rules}) == len({rule.name for rule in rules}) == len(rules) == 59
    assert {need for rule in rules for need in rule.needs} <= {rule.code for rule in rules}
    assert not any(rule.summary.endswith(".") for rule in rules)
