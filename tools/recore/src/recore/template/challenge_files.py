"""Write a challenge to a submission: its targets to score.py and preprocess.py, its wording to other files."""

import ast
import codecs
import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from recore.challenge import UNITS_IN_NAMES, Challenge, activate, challenge, check_challenge, parse_challenge, reword
from recore.template.originals import read_original
from recore.text import plain
from stagemaker import parse_number

COLUMNS = ("name", "weight", "unit")  # of a table of targets
MAX_BYTES = 1 << 20  # of a table of targets
SEPARATORS = {b";": "semicolons", b"\t": "tabs", b"|": "vertical bars"}
NO_UNIT = ("", "-", "none")
WIDTH = 116  # characters per line of names


def read_targets(path: Path) -> tuple[dict[str, float], dict[str, str]]:
    """Return the weights and units in a table of targets: a CSV file with the columns name, weight and unit.

    A missing weight becomes 1 / number of targets. Raises ValueError or OSError.
    """
    content = path.read_bytes()[: MAX_BYTES + 1]
    if len(content) > MAX_BYTES:
        raise ValueError(f"{path} is larger than {MAX_BYTES >> 20} MB; a table of targets has one line per target")
    line = content.removeprefix(codecs.BOM_UTF8).partition(b"\n")[0]
    separator = next((word for sign, word in SEPARATORS.items() if sign in line), "")
    if separator and b"," not in line:
        fix = "save it as a CSV file with commas, and write weights with a decimal point, such as 0.35"
        raise ValueError(f"{path}: its columns are separated by {separator}; {fix}")
    try:
        header, *rows = [row for row in csv.reader(content.decode("utf-8-sig").splitlines(), strict=True) if any(row)]
    except (UnicodeDecodeError, csv.Error, ValueError) as error:
        reason = "it is empty" if isinstance(error, ValueError) and not content.strip() else str(error)
        raise ValueError(f"{path} is not a table of targets: {reason}") from None
    names = [name.strip().lower() for name in header]
    if "name" not in names or not set(names) <= set(COLUMNS):
        unknown = [plain(name, 40) for name in names if name not in COLUMNS]
        problem = f"the column {unknown[0]!r} is unknown" if "name" in names else "the column 'name' is missing"
        raise ValueError(f"{path}: {problem}; use the columns name, weight and unit")
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
            raise ValueError(f"{path}, line {number}: the weight {plain(weight, 40)!r} is not a non-negative number")
        weights[name] = round(value, 6)
        unit = cells.get("unit", "")
        if unit.lower() not in NO_UNIT and unit != UNITS_IN_NAMES.get(name[-3:]):
            units[name] = unit
        elif unit.lower() in NO_UNIT[1:] and name[-3:] in UNITS_IN_NAMES:
            units[name] = ""
    return weights, units


def make_challenge(targets: Path, ids: Sequence[str], group_name: str | None, title: str, subject: str) -> Challenge:
    """Return the challenge for a table of targets. ids: ID columns, the group first, or () for the template's."""
    template = parse_challenge(read_original("score.py"))
    weights, units = read_targets(targets)
    id_names = tuple(ids) or template.ids
    group = ids[0] if ids else template.group
    name = group_name or (template.group_name if group == template.group else "group")
    new_challenge = Challenge(weights, units, id_names, group, name, title, subject)
    check_challenge(new_challenge, targets)
    return new_challenge


def is_template(current: Challenge) -> bool:
    template = parse_challenge(read_original("score.py"))
    return current.to_dict() == template.to_dict() and current.targets == template.targets


def write_challenge(folder: Path, current: Challenge) -> None:
    """Write a challenge to score.py, preprocess.py and the comments of train.py."""
    table = {
        "TITLE": json.dumps(current.title, ensure_ascii=False),
        "SUBJECT": json.dumps(current.subject, ensure_ascii=False),
        "IDS": json.dumps(list(current.ids), ensure_ascii=False),
        "GROUP": f"{_quote(current.group)}, {_quote(current.group_name)}  # rows that share it are held out together",
        "WEIGHTS": _dictionary(current.weights),
        "UNITS": _dictionary(current.units),
    }
    with activate(current):
        score = replace_values((folder / "score.py").read_text("utf-8"), table)
        (folder / "score.py").write_text(score, "utf-8")
        lists = {
            "IDS": table["IDS"],
            "GROUP": f"{_quote(current.group)}  # rows of one {current.group_name} are held out together",
            "TARGETS": f"(  # the same as in score.py, which is not uploaded\n{_names(current.targets)}\n)",
        }
        preprocess = replace_values((folder / "preprocess.py").read_text("utf-8"), lists)
        (folder / "preprocess.py").write_text(preprocess, "utf-8")
        (folder / "train.py").write_text(reword((folder / "train.py").read_text("utf-8")), "utf-8")
    if parse_challenge(score.encode()).to_dict() != current.to_dict():
        raise ValueError("the challenge cannot be written as Python code")


def replace_values(script: str, values: Mapping[str, str]) -> str:
    """Replace the values of top-level assignments in a script. values: Python expressions by name."""
    lines = script.splitlines(keepends=True)
    for statement in reversed(ast.parse(script).body):
        if isinstance(statement, ast.Assign | ast.AnnAssign):
            target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
            first = target.elts[0] if isinstance(target, ast.Tuple) else target
            if isinstance(first, ast.Name) and first.id in values and statement.end_lineno:
                start = lines[statement.lineno - 1].partition("=")[0]
                lines[statement.lineno - 1 : statement.end_lineno] = [f"{start}= {values[first.id]}\n"]
    return "".join(lines)


def format_targets(current: Challenge) -> str:
    """Return the targets as a Markdown table."""
    rows = [f"| `{name}` | {current.unit(name) or '-'} | {weight:g} |" for name, weight in current.weights.items()]
    return "\n".join(["| target | unit | weight |", "|---|---|---|", *rows])


def fill_in(template: str) -> str:
    """Fill in placeholders such as {title} and {targets} with the words and values of the current challenge."""
    current = challenge()
    values = {
        "{title}": current.title,
        "{subject}": current.subject,
        "{count}": f"{len(current.targets)} target{'s' * (len(current.targets) != 1)}",
        "{targets}": format_targets(current),
        "{ids}": ", ".join(f"`{name}`" for name in current.sample_ids),
        "{group}": current.group,
        "{group_name}": current.group_name,
        "{best}": f"{sum(current.weights.values()):g}",
    }
    content = reword(template)
    for name, value in values.items():
        content = content.replace(name, value)
    return content


def _quote(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


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
