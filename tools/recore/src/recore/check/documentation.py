"""The part of docs/check-rules.md that is made from the rules."""

from collections.abc import Sequence

from recore.check.rule import Rule

BEGIN = "<!-- The rest is generated from the rules: python tools/recore/tests/recore_support/check_page.py -->"
GROUPS = {
    "RC1": "The scripts' source",
    "RC2": "Packaging",
    "RC3": "Training",
    "RC4": "The model's file",
    "RC5": "Preprocessing",
    "RC6": "Serving and predictions",
    "RC7": "Scores",
    "RC8": "What a stranger's submission tries (with --for-host)",
}


def describe_rules(rules: Sequence[Rule]) -> str:
    """A section for each group of rules, with a table of them, and below it a section for each rule, in Markdown."""
    lines = [BEGIN]
    for start, title in GROUPS.items():
        group = [rule for rule in rules if rule.code.startswith(start)]
        if not group:
            continue
        lines += ["", f"## {start}: {title}", "", "| rule | requirement |", "|---|---|"]
        for rule in group:
            lines.append(f"| [{rule.code} {rule.name}](#{rule.code.lower()}-{rule.name}) | {rule.summary} |")
        for rule in group:
            lines += ["", f"### {rule.code} {rule.name}", "", rule.documentation.strip()]
            if rule.needs:
                lines += ["", f"*Needs {', '.join(rule.needs)}.*"]
    return "\n".join(lines) + "\n"
