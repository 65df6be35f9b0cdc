"""Writes a challenge into the files of a submission: its table into score.py and preprocess.py, its words elsewhere."""

import ast
import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from recore.challenge import (
    UNITS_IN_NAMES,
    Challenge,
    challenge,
    check_challenge,
    parse_challenge,
    read_challenge,
    reword,
    using,
)
from recore.distribution import TEMPLATE
from recore.text import plain
from stagemaker import parse_number

COLUMNS = ("name", "weight", "unit")  # of a table of targets
LARGEST = 1 << 20  # bytes of it
NO_UNIT = ("", "-", "none")
WIDTH = 116  # characters of a line of names


def read_targets(path: Path) -> tuple[dict[str, float], dict[str, str]]:
    """The weights and the units in a table of targets: a CSV with the columns name, weight and unit.

    Without weights, all targets have the same. Raises ValueError or OSError.
    """
    content = path.read_bytes()[: LARGEST + 1]
    if len(content) > LARGEST:
        raise ValueError(f"{path}: larger than {LARGEST >> 20} MB; a table of targets has a line for each")
    try:
        header, *rows = [row for row in csv.reader(content.decode("utf-8-sig").splitlines(), strict=True) if any(row)]
    except (UnicodeDecodeError, csv.Error, ValueError) as error:
        reason = "it is empty" if isinstance(error, ValueError) and not content.strip() else str(error)
        raise ValueError(f"{path}: this is not a table of targets: {reason}") from None
    names = [name.strip().lower() for name in header]
    if "name" not in names or not set(names) <= set(COLUMNS):
        unknown = [plain(name, 40) for name in names if name not in COLUMNS]
        problem = f"the column {unknown[0]!r} is unknown" if "name" in names else "there is no column 'name'"
        raise ValueError(f"{path}: {problem}: the columns are name, weight and unit")
    weights: dict[str, float] = {}
    units: dict[str, str] = {}
    for number, row in enumerate(rows, 2):
        if len(row) != len(names):
            raise ValueError(f"{path}, line {number}: {len(row)} cells, but the header has {len(names)}")
        cells = dict(zip(names, map(str.strip, row), strict=True))
        name, weight = cells["name"], cells.get("weight", "")
        value = parse_number(weight) if weight else 1 / len(rows)
        if name in weights or not name:
            problem = f"the target {plain(name, 40)!r} appears twice" if name else "a target has no name"
            raise ValueError(f"{path}, line {number}: {problem}")
        if value is None or value < 0:
            raise ValueError(f"{path}, line {number}: the weight {plain(weight, 40)!r} is not a number of 0 or more")
        weights[name] = round(value, 6)
        unit = cells.get("unit", "")
        if unit.lower() not in NO_UNIT and unit != UNITS_IN_NAMES.get(name[-3:]):
            units[name] = unit
        elif unit.lower() in NO_UNIT[1:] and name[-3:] in UNITS_IN_NAMES:
            units[name] = ""
    return weights, units


def make_challenge(targets: Path, ids: Sequence[str], group_name: str | None, title: str, subject: str) -> Challenge:
    """The challenge of a table of targets. ids: the group first; none: the template's. Raises ValueError or OSError."""
    template = read_challenge(TEMPLATE / "score.py")
    weights, units = read_targets(targets)
    chosen = tuple(ids) or template.ids
    group = ids[0] if ids else template.group
    name = group_name or (template.group_name if group == template.group else "group")
    made = Challenge(weights, units, chosen, group, name, title, subject)
    check_challenge(made, targets)
    return made


def is_template(known: Challenge) -> bool:
    template = read_challenge(TEMPLATE / "score.py")
    return known.describe() == template.describe() and known.targets == template.targets


def write_challenge(folder: Path, known: Challenge) -> None:
    """Write a challenge into score.py, preprocess.py and the comments of train.py."""
    table = {
        "TITLE": json.dumps(known.title, ensure_ascii=False),
        "SUBJECT": json.dumps(known.subject, ensure_ascii=False),
        "IDS": json.dumps(list(known.ids), ensure_ascii=False),
        "GROUP": f"{_quote(known.group)}, {_quote(known.group_name)}  # rows of one are held out together",
        "WEIGHTS": _dictionary(known.weights),
        "UNITS": _dictionary(known.units),
    }
    with using(known):
        score = replace_values((folder / "score.py").read_text("utf-8"), table)
        (folder / "score.py").write_text(score, "utf-8")
        lists = {
            "IDS": table["IDS"],
            "GROUP": f"{_quote(known.group)}  # rows of one {known.group_name} are held out together",
            "TARGETS": f"(  # as in score.py, which does not travel with this file\n{_names(known.targets)}\n)",
        }
        preprocess = replace_values((folder / "preprocess.py").read_text("utf-8"), lists)
        (folder / "preprocess.py").write_text(preprocess, "utf-8")
        (folder / "train.py").write_text(reword((folder / "train.py").read_text("utf-8")), "utf-8")
    if parse_challenge(score.encode()).describe() != known.describe():
        raise ValueError("the challenge cannot be written as Python")


def replace_values(script: str, values: Mapping[str, str]) -> str:
    """A script with other values of the names that it assigns at its top level, as Python."""
    lines = script.splitlines(keepends=True)
    for statement in reversed(ast.parse(script).body):
        if isinstance(statement, ast.Assign | ast.AnnAssign):
            target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
            first = target.elts[0] if isinstance(target, ast.Tuple) else target
            if isinstance(first, ast.Name) and first.id in values and statement.end_lineno:
                start = lines[statement.lineno - 1].partition("=")[0]
                lines[statement.lineno - 1 : statement.end_lineno] = [f"{start}= {values[first.id]}\n"]
    return "".join(lines)


def describe_targets(known: Challenge) -> str:
    """The targets as a table in Markdown."""
    rows = [f"| `{name}` | {known.unit(name) or '-'} | {weight:g} |" for name, weight in known.weights.items()]
    return "\n".join(["| target | unit | weight |", "|---|---|---|", *rows])


def fill_in(text: str) -> str:
    """A text of the files in the words of the challenge in use, whose values replace {title}, {targets} and others."""
    known = challenge()
    values = {
        "{title}": known.title,
        "{subject}": known.subject,
        "{count}": f"{len(known.targets)} target{'s' * (len(known.targets) != 1)}",
        "{targets}": describe_targets(known),
        "{ids}": ", ".join(f"`{name}`" for name in known.sample_ids),
        "{group}": known.group,
        "{group_name}": known.group_name,
        "{best}": f"{sum(known.weights.values()):g}",
    }
    text = reword(text)
    for name, value in values.items():
        text = text.replace(name, value)
    return text


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _dictionary(values: Mapping[str, object]) -> str:
    items = [f"{_quote(name)}: {json.dumps(value, ensure_ascii=False)}," for name, value in values.items()]
    return "\n".join(["{", *(f"    {item}" for item in items), "}"]) if items else "{}"


def _names(names: Sequence[str]) -> str:
    lines = [""]
    for item in (f"{_quote(name)}," for name in names):
        if lines[-1] and len(lines[-1]) + 1 + len(item) > WIDTH:
            lines.append("")
        lines[-1] = f"{lines[-1]} {item}".strip()
    return "\n".join(f"    {line}" for line in lines)
