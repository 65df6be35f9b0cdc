"""The part of docs/reference/check-rules.md that is made from the rules."""

from collections.abc import Sequence

from recore.check.catalogue import CatalogueEntry

BEGIN = "<!-- From here on made from the rules: python tests/support/check_page.py -->"
GROUPS = {
    "RC1": "The scripts' source",
    "RC2": "Packaging",
    "RC3": "Training",
    "RC4": "The model's file",
    "RC5": "Preprocessing",
    "RC6": "Serving and predictions",
    "RC7": "Scores",
    "RC8": "What a stranger's submission tries",
}


def describe_rules(entries: Sequence[CatalogueEntry]) -> str:
    """A section for each group of rules, with a table of them, and below it a section for each rule, in Markdown."""
    lines = [BEGIN]
    for start, title in GROUPS.items():
        group = [entry for entry in entries if entry.rule.code.startswith(start)]
        if not group:
            continue
        lines += ["", f"## {start}: {title}", "", "| rule | what holds |", "|---|---|"]
        for entry in group:
            rule = entry.rule
            lines.append(f"| [{rule.code} {rule.name}](#{rule.code.lower()}-{rule.name}) | {rule.summary} |")
        for entry in group:
            lines += ["", f"### {entry.rule.code} {entry.rule.name}", "", entry.documentation.strip(), "", _how(entry)]
    return "\n".join(lines) + "\n"


def _how(entry: CatalogueEntry) -> str:
    """Whether the rule runs the submission, and which rules must pass before."""
    how = "This rule runs the submission" if entry.runs else "This rule only reads"
    needs = entry.rule.needs
    return f"*{how}{f'; it needs {", ".join(needs)}' if needs else ''}.*"
