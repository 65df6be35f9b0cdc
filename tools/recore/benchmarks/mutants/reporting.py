"""What check_mutants.py prints: how many mutants are found, and a table of all, in Markdown."""

import json
from collections.abc import Iterable
from pathlib import Path

from benchmarks.mutants.catalogue import KINDS, MUTANTS
from benchmarks.mutants.measuring import Measured

HEAD = """\
{count} of {operators} mutants of tools/recore/tests/submissions/sound, with a sample of {data} channels.

The effect is measured without the rules: the four steps run with public and private data, and the mutant fails at a
step, or a score or a prediction changes by more than 1e-9 of its size, or nothing does. A warning counts as a finding.

{summary}

"""


def to_line(measured: Measured) -> str:
    """Return a measurement as a line of JSON."""
    return json.dumps({"name": measured.mutant.name, "effect": measured.effect, "codes": measured.codes})


def read_results(path: Path | None) -> dict[str, Measured]:
    """Return the last measurement of each mutant by name; empty without a file."""
    if path is None or not path.exists():
        return {}
    mutants = {mutant.name: mutant for mutant in MUTANTS}
    records = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return {
        record["name"]: Measured(mutants[record["name"]], record["effect"], tuple(record["codes"]))
        for record in records
        if record["name"] in mutants
    }


def to_text(measured: list[Measured], data: str) -> str:
    """Return the summary and the tables."""
    head = HEAD.format(operators=len(MUTANTS), count=len(measured), data=data, summary=_summarise(measured))
    sections = []
    for kind, meaning in KINDS.items():
        rows = [each for each in measured if each.mutant.kind == kind]
        if rows:
            sections.append(f"## {kind.capitalize()}: {meaning}\n\n{_table(rows)}\n")
    return head + "\n".join(sections)


def _summarise(measured: list[Measured]) -> str:
    def select(kinds: Iterable[str], changes: bool) -> list[Measured]:
        return [each for each in measured if each.mutant.kind in kinds and (each.effect != "none") == changes]

    lines = ["| mutants | measured | flagged |", "|---|---|---|"]
    for name, chosen in (
        ("mistakes that fail, or change a score or a prediction", select(["mistake", "latent"], True)),
        ("equivalent ones", select(["equivalent"], False)),
        ("other good submissions", select(["other"], True)),
        ("mistakes without an effect in the four steps", select(["mistake"], False)),
        ("latent mistakes without an effect in the four steps", select(["latent"], False)),
        (
            "equivalent or other ones that turned out to be neither",
            select(["equivalent"], True) + select(["other"], False),
        ),
    ):
        if not chosen:
            continue
        flagged = sum(bool(each.codes) for each in chosen)
        lines.append(f"| {name} | {len(chosen)} | {flagged} ({100 * flagged / len(chosen):.1f} %) |")
    missed = [each.mutant.name for each in select(["mistake", "latent"], True) if not each.codes]
    return "\n".join([*lines, "", f"Mistakes that no rule finds: {'; '.join(missed) or 'none'}."])


def _table(rows: list[Measured]) -> str:
    lines = ["| mutant | effect on the four steps | flagged by |", "|---|---|---|"]
    lines += [f"| {_cell(each.mutant.name)} | {_cell(each.effect)} | {', '.join(each.codes) or '-'} |" for each in rows]
    return "\n".join(lines)


def _cell(text: str, longest: int = 110) -> str:
    """Return a text for a cell of a Markdown table, with special characters escaped."""
    short = text if len(text) <= longest else text[:longest].rsplit(" ", 1)[0] + " ..."
    for character in "\\|*_<[]":
        short = short.replace(character, f"\\{character}")
    return short.replace("`", "'")
