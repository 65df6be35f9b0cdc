"""Run the source rules first, and each rule only if the rules that it needs have passed.

Rules that run the submission start only if the source rules find no error: errors in the source must be fixed first.
"""

import difflib
import importlib
import pkgutil
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from recore.challenge import challenge
from recore.check import running_rules, source_rules
from recore.check.rule import Finding, Level, Rule
from recore.check.source import SubmissionSource
from recore.distribution import PROGRAM
from recore.thread_pool import ThreadPool
from stagemaker import interrupts

# Every rule that runs the submission needs these, because without the files there is nothing to run.
SOURCE_CHECKS_FIRST = ("RC202", "RC209")
HOST_PREFIX = "RC8"  # rules about the actions of an untrusted submission
POLL_SECONDS = 0.5


def load_catalogue() -> list[Rule]:
    """Return all rules, one for each module of source_rules/ and running_rules/, sorted by code."""
    modules = [
        importlib.import_module(f"{package.__name__}.{module.name}")
        for package in (source_rules, running_rules)
        for module in pkgutil.iter_modules(package.__path__)
    ]
    return sorted((module.inspect for module in modules), key=lambda rule: rule.code)


def choose_codes(rules: list[Rule], select: list[str], ignore: list[str], for_host: bool) -> set[str]:
    """Return the codes of the rules to report. select, ignore: codes or prefixes; all rules are selected by default.

    Exclude rules for hosts unless `for_host` is set or they are selected. Raises ValueError if a code is unknown.
    """
    codes = [rule.code for rule in rules]
    for prefix in [*select, *ignore]:
        if not any(code.startswith(prefix) for code in codes):
            closest_code = max(codes, key=lambda code: _similarity(code, prefix))
            fix = f"`{PROGRAM} check --list` lists all rules"
            raise ValueError(f"unknown rule {prefix!r}: did you mean {closest_code}? {fix}")
    chosen_codes = {code for code in codes if not select or code.startswith(tuple(select))}
    if not select and not for_host:
        chosen_codes -= {code for code in codes if code.startswith(HOST_PREFIX)}
    return {code for code in chosen_codes if not (ignore and code.startswith(tuple(ignore)))}


def _similarity(code: str, other: str) -> tuple[int, float]:
    """Return the similarity of two codes: the length of their common prefix, then difflib's ratio."""
    equal = [*(one == another for one, another in zip(code, other, strict=False)), False]
    return equal.index(False), difflib.SequenceMatcher(None, code, other).ratio()


@dataclass(frozen=True)
class RuleResult:
    """The findings of a rule, or the reason why it was not run."""

    rule: Rule
    findings: tuple[Finding, ...] = ()
    skip_reason: str = ""

    @property
    def passed(self) -> bool:
        """Whether the rule was run and found no error."""
        return not self.skip_reason and all(finding.level != Level.ERROR for finding in self.findings)


Show = Callable[[list[RuleResult]], None]


def run_rules(
    rules: Iterable[Rule],
    chosen_codes: set[str],
    source: SubmissionSource,
    open_experiments: Callable[[], AbstractContextManager[Any]] | None = None,
    show: Show = lambda results: None,
) -> list[RuleResult]:
    """Run the chosen rules and the rules that they need. Return the chosen rules' results, sorted by code.

    If a chosen source rule finds an error, no rule that runs the submission is run. Rules that run the submission run
    in parallel, because most of them wait for a job. Exceptions from rules and open_experiments are not caught.

    open_experiments: opens the experiments for the rules that run the submission. It is called at most once, before the
    first of these rules; None excludes them. show: called with the chosen rules' results as they arrive, first with all
    results of source rules.
    """
    by_code = {rule.code: rule for rule in rules if open_experiments or not rule.runs}
    due = {code: by_code[code] for code in _add_needs(chosen_codes & by_code.keys(), by_code)}
    static = {code for code, rule in due.items() if not rule.runs}
    waits = {code: {*_list_needs(rule), *(static if rule.runs else ())} & due.keys() for code, rule in due.items()}
    order = TopologicalSorter(waits)
    order.prepare()
    results: dict[str, RuleResult] = {}
    running: dict[Future[list[Finding]], Rule] = {}
    experiments: Any = None
    shown_codes: set[str] = set()

    def finish(rule: Rule, findings: Iterable[Finding] = (), skip_reason: str = "") -> None:
        results[rule.code] = RuleResult(rule, tuple(dict.fromkeys(findings)), skip_reason)
        order.done(rule.code)

    with ExitStack() as opened:
        threads = opened.enter_context(ThreadPool(max(1, len(due)), "rule"))
        while order.is_active():
            for rule in [due[code] for code in sorted(order.get_ready())]:
                reason = _find_unmet_need(rule, results) or (_first_error(chosen_codes, results) if rule.runs else "")
                if reason or not rule.runs:
                    finish(rule, () if reason else rule.inspect(source), reason)
                    continue
                if experiments is None and open_experiments:
                    experiments = opened.enter_context(open_experiments())
                running[threads.submit(_inspect, rule, experiments)] = rule
            done, _ = wait(running, POLL_SECONDS, FIRST_COMPLETED)
            interrupts.check()
            for future in done:
                finish(running.pop(future), future.result())
            if static <= results.keys():
                show(_select_results(results, chosen_codes - shown_codes))
                shown_codes |= results.keys()
    return _select_results(results, chosen_codes)


def _inspect(rule: Rule, experiments: Any) -> list[Finding]:
    return list(rule.inspect(experiments))


def _select_results(results: dict[str, RuleResult], codes: set[str]) -> list[RuleResult]:
    return [results[code] for code in sorted(codes & results.keys())]


def check_source(submission: Path) -> list[RuleResult]:
    """Run all source rules, as `recore check --source-only` does, and return their results."""
    rules = load_catalogue()
    codes = choose_codes(rules, [], [], for_host=False)
    return run_rules(rules, codes, SubmissionSource(submission, challenge().targets))


def _add_needs(codes: set[str], by_code: dict[str, Rule]) -> set[str]:
    """Return the chosen codes and the codes of all rules that they need, directly or indirectly."""
    due_codes = list(codes)
    for code in due_codes:  # which grows in the loop
        due_codes += [need for need in _list_needs(by_code[code]) if need in by_code and need not in due_codes]
    return set(due_codes)


def _list_needs(rule: Rule) -> tuple[str, ...]:
    return (*SOURCE_CHECKS_FIRST, *rule.needs) if rule.runs else rule.needs


def _find_unmet_need(rule: Rule, results: dict[str, RuleResult]) -> str:
    """Return the reason not to run a rule, which names the first needed rule that has not passed, or ""."""
    for code in _list_needs(rule):
        result = results.get(code)
        if result and not result.passed:
            state = "was not run" if result.skip_reason else "found an error"
            return f"it needs {code} ({result.rule.name}), which {state}"
    return ""


def _first_error(codes: set[str], results: dict[str, RuleResult]) -> str:
    """Return the reason not to run the submission, which names the first chosen source rule with an error, or ""."""
    for code, result in sorted(results.items()):
        if code in codes and not result.rule.runs and not result.passed:
            return f"the submission is run only if {code} ({result.rule.name}) finds no error"
    return ""
