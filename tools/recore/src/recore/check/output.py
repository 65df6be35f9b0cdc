"""Format the results of a check as text, JSON or GitHub workflow commands."""

import json
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from recore.challenge import reword
from recore.check.rule import Finding, Level, Location, Rule
from recore.check.runner import RuleResult
from recore.evaluation import read_submission
from recore.listing import count
from recore.text import plain

MAX_LENGTH = 1000  # characters of a message


def list_rules(rules: Sequence[Rule], as_json: bool) -> str:
    """Return a line for each rule, or all rules as JSON."""
    if as_json:
        names = ("code", "name", "summary", "needs", "runs")
        return json.dumps([{name: getattr(rule, name) for name in names} for rule in rules])
    width = max((len(rule.name) for rule in rules), default=0)
    return "\n".join(plain(reword(f"{rule.code}  {rule.name:{width}}  {rule.summary}")) for rule in rules)


def explain(rules: Sequence[Rule]) -> str:
    """Return each rule's title, reason, example and fix, and the rules that it needs."""
    sections = []
    for rule in rules:
        needs = f"\n\nNeeds {', '.join(rule.needs)}." if rule.needs else ""
        sections.append(f"{rule.code} {rule.name}: {rule.summary}\n\n{rule.documentation.strip()}{needs}")
    return reword("\n\n\n".join(sections))


def is_negative(results: Sequence[RuleResult]) -> bool:
    """Return whether a rule found an error or was not run."""
    return not all(result.passed for result in results)


def to_text(results: Sequence[RuleResult], submission: Path) -> str:
    """Return each finding and its fix on separate lines, then the rules that were not run, and a summary."""
    return "\n".join([*to_lines(results, submission), summarise(results)])


def to_lines(results: Sequence[RuleResult], submission: Path) -> list[str]:
    """Return each finding and its fix as separate lines, sorted by location."""
    lines = []
    for rule, finding in _findings(results):
        location = _format_location(finding, submission)
        lines.append(f"{location}: {rule.code} {finding.level}: {plain(reword(finding.message), MAX_LENGTH)}")
        if finding.fix:
            lines.append(f"    fix: {plain(reword(finding.fix), MAX_LENGTH)}")
    return lines


def summarise(results: Sequence[RuleResult], verbose: bool = False) -> str:
    """Return, as text, the rules that were not run, and the numbers of findings and of rules that were run.

    verbose: whether to list each rule that was not run, with the reason, instead of only their number. If there are no
    errors, these rules are always listed.
    """
    lines = []
    skipped = [result for result in results if result.skip_reason]
    if verbose or not _counts(results)[Level.ERROR]:
        lines += [f"{result.rule.code} {result.rule.name} was not run: {result.skip_reason}" for result in skipped]
    elif skipped:
        lines.append(f"{count(len(skipped), 'rule')} could not be run because of the errors above; -v lists them")
    return "\n".join([*lines, f"check: {_summary(results)}"])


def to_json(results: Sequence[RuleResult], submission: Path) -> str:
    """Return a JSON object with the findings, their number at each level, and the rules that were not run.

    The submission's SHA-256 is computed from the uploaded files, as in run.json. It is null if they are unknown.
    """
    counts = _counts(results)
    findings = [
        {
            "code": rule.code,
            "rule": rule.name,
            "level": finding.level.value,
            "message": plain(reword(finding.message), MAX_LENGTH),
            "fix": plain(reword(finding.fix), MAX_LENGTH),
            "file": plain(finding.location.file) if finding.location else None,
            "line": finding.location.line or None if finding.location else None,
        }
        for rule, finding in _findings(results)
    ]
    skipped = [
        {"code": result.rule.code, "rule": result.rule.name, "reason": result.skip_reason}
        for result in results
        if result.skip_reason
    ]
    digest = None
    with suppress(OSError, ValueError):
        digest = read_submission(submission).sha256
    return json.dumps(
        {
            "submission": {"path": str(submission), "sha256": digest},
            "ended": datetime.now(UTC).isoformat(timespec="seconds"),
            "rules": len(results),
            "errors": counts[Level.ERROR],
            "warnings": counts[Level.WARNING],
            "notes": counts[Level.NOTE],
            "findings": findings,
            "not_run": skipped,
        }
    )


def to_github(results: Sequence[RuleResult], submission: Path) -> str:
    """Return workflow commands, which GitHub shows as annotations next to the affected lines, and the summary."""
    lines = []
    for rule, finding in _findings(results):
        properties = {"title": f"{rule.code} {rule.name}"}
        if finding.location:
            properties = {"file": _path(finding.location.file, submission)} | properties
            if finding.location.line:
                properties["line"] = str(finding.location.line)
        property_list = ",".join(f"{name}={_escape(value, ':,')}" for name, value in properties.items())
        fix = f" Fix: {plain(reword(finding.fix), MAX_LENGTH)}" if finding.fix else ""
        message = plain(reword(finding.message), MAX_LENGTH) + fix
        command = "notice" if finding.level is Level.NOTE else finding.level
        lines.append(f"::{command} {property_list}::{_escape(message)}")
    return "\n".join([*lines, f"check: {_summary(results)}"])


def _escape(value: str, extra: str = "") -> str:
    """Escape the characters that have a special meaning in workflow commands."""
    for letter in f"%\r\n{extra}":  # the percent sign first, because the replacements contain it
        value = value.replace(letter, f"%{ord(letter):02X}")
    return value


def _findings(results: Sequence[RuleResult]) -> list[tuple[Rule, Finding]]:
    findings = [(result.rule, finding) for result in results for finding in result.findings]
    return sorted(findings, key=lambda pair: (pair[1].location or Location(""), pair[0].code))


def _path(file: str, submission: Path) -> str:
    return plain((submission / file).as_posix())


def _format_location(finding: Finding, submission: Path) -> str:
    if not finding.location:
        return plain(str(submission))
    line = f":{finding.location.line}" if finding.location.line else ""
    return _path(finding.location.file, submission) + line


def _counts(results: Sequence[RuleResult]) -> Counter[Level]:
    return Counter(finding.level for _, finding in _findings(results))


def _summary(results: Sequence[RuleResult]) -> str:
    counts, n_skipped = _counts(results), sum(1 for result in results if result.skip_reason)
    run = count(len(results) - n_skipped, "rule")
    if not counts and not n_skipped:
        return f"no findings from {run}"
    levels = list(Level) if counts[Level.NOTE] else [Level.ERROR, Level.WARNING]
    parts = [count(counts[level], level.value) for level in levels]
    ending = f"; {count(n_skipped, 'rule')} not run" if n_skipped else ""
    return f"{', '.join(parts[:-1])} and {parts[-1]} from {run}{ending}"
