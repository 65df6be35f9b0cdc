"""Read a tuning job's hyperparameter ranges from options and from a submission's pyproject.toml, for example:

[tool.recore.tune]
jobs = 12
parallel = 2
[tool.recore.tune.ranges]
alpha_max = { from = 1e3, to = 1e6, scale = "log" }
n_components = { from = 100, to = 500 }
kind = ["a", "b"]
"""

import difflib
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recore.evaluation import SubmissionFiles
from recore.production.fit_hyperparameters import Hyperparameters, Value, convert, find_default, read_hyperparameters
from recore.production.project import ProductionError

FILE = "pyproject.toml"
MAX_BYTES = 1 << 20  # maximum size of the file
TABLE = "tool.recore.tune"
JOBS, PARALLEL_JOBS = 10, 2  # defaults
MAX_JOBS, MAX_PARALLEL = 750, 100  # SageMaker's limits of a tuning job
MAX_RANGES, MAX_VALUES = 30, 30
SCALES = {"linear": "Linear", "log": "Logarithmic"}


@dataclass(frozen=True)
class Interval:
    """The numbers from low to high: integers or real numbers, depending on the type of low."""

    name: str
    low: float
    high: float
    scale: str = "linear"

    def __str__(self) -> str:
        return f"{self.name} {self.low:.10g}..{self.high:.10g}" + (", log" if self.scale == "log" else "")


@dataclass(frozen=True)
class Choice:
    """Values to choose from."""

    name: str
    values: tuple[Value, ...]

    def __str__(self) -> str:
        return f"{self.name} {'|'.join(map(str, self.values))}"


Range = Interval | Choice


@dataclass(frozen=True)
class TuningPlan:
    """A tuning job's plan. known: fit()'s hyperparameters. jobs, parallel: training jobs, in total and at a time."""

    known: Hyperparameters
    ranges: tuple[Range, ...]
    jobs: int
    parallel: int

    @property
    def request(self) -> dict[str, list[dict[str, Any]]]:
        """The ParameterRanges of a tuning job. Categorical values are encoded as JSON, as by the SDK."""
        kinds: dict[str, list[dict[str, Any]]] = {}
        for each in self.ranges:
            members: dict[str, Any]
            if isinstance(each, Choice):
                kind, members = "Categorical", {"Values": [json.dumps(value) for value in each.values]}
            else:
                kind = "Integer" if isinstance(each.low, int) else "Continuous"
                members = {
                    "MinValue": json.dumps(each.low),
                    "MaxValue": json.dumps(each.high),
                    "ScalingType": SCALES[each.scale],
                }
            kinds.setdefault(f"{kind}ParameterRanges", []).append({"Name": each.name, **members})
        return kinds


def read_plan(files: SubmissionFiles, options: Sequence[str], jobs: int | None, parallel: int | None) -> TuningPlan:
    """Read the plan in a submission's pyproject.toml. Raises ProductionError or OSError.

    options: additional or replacement ranges, such as alpha=1..9:log or kind=a,b.
    """
    known, table = read_hyperparameters(files), _read_table(files.path)
    file = files.path / FILE
    ranges = {name: (f"{file}: [{TABLE}.ranges] {name}", raw) for name, raw in table["ranges"].items()}
    for option in options:
        name, equals, value = option.partition("=")
        if not equals or not name or not value:
            raise ProductionError(
                f"--range {option}: expected NAME=FROM..TO, NAME=FROM..TO:log or NAME=VALUE,VALUE, such as "
                "alpha=0.1..10:log"
            )
        ranges[name] = (f"--range {name}", value)
    if not ranges:
        raise ProductionError(_format_no_ranges(files, known))
    if len(ranges) > MAX_RANGES:
        raise ProductionError(f"{len(ranges)} hyperparameters have ranges, but SageMaker tunes at most {MAX_RANGES}")
    value_ranges = tuple(_read_range(known, name, raw, location) for name, (location, raw) in ranges.items())
    jobs = jobs or table.get("jobs", JOBS)
    return TuningPlan(known, value_ranges, jobs, min(jobs, parallel or table.get("parallel", PARALLEL_JOBS)))


def _format_no_ranges(files: SubmissionFiles, known: Mapping[str, Value | None]) -> str:
    names = [name for name, default in known.items() if default is not None]
    if not names:
        return f"{files.path}: fit() in train.py has no hyperparameter to tune: add a parameter with a default"
    table = f"write [{TABLE}.ranges] in {files.path / FILE}, or " if files.path.is_dir() else ""
    return f"no hyperparameter has a range: {table}pass --range NAME=FROM..TO; fit() has {', '.join(names)}"


def _read_table(submission: Path) -> dict[str, Any]:
    path = submission / FILE
    if not submission.is_dir() or not path.exists():
        return {"ranges": {}}
    if not path.is_file():
        raise ProductionError(f"{path} is not a regular file")
    with open(path, "rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ProductionError(f"{path} is larger than {MAX_BYTES >> 20} MB")
    try:
        table: Any = tomllib.loads(content.decode())
    except (ValueError, RecursionError) as error:
        raise ProductionError(f"{path} is not valid TOML: {error}") from None
    for name in TABLE.split("."):
        table = table.get(name, {}) if isinstance(table, dict) else None
    if not isinstance(table, dict) or not isinstance(table.get("ranges", {}), dict):
        raise ProductionError(f"{path}: [{TABLE}] and [{TABLE}.ranges] must be tables")
    limits = {"jobs": MAX_JOBS, "parallel": MAX_PARALLEL}
    for name, value in table.items():
        if name not in ("ranges", *limits):
            raise ProductionError(f"{path}: [{TABLE}] {name}: {_suggest(name, ['ranges', *limits])}")
        if name in limits and (type(value) is not int or not 1 <= value <= limits[name]):
            raise ProductionError(f"{path}: [{TABLE}] {name} is not an integer from 1 to {limits[name]}")
    return {"ranges": {}, **table}


def _read_range(known: Hyperparameters, name: str, raw: Any, location: str) -> Range:
    default = find_default(known, name, location)
    if isinstance(raw, str):
        raw = _parse_option(default, raw)
    if isinstance(raw, list):
        values = tuple(convert(default, value, location) for value in raw)
        if len(set(values)) < len(values) or not 2 <= len(values) <= MAX_VALUES:
            raise ProductionError(f"{location}: expected 2 to {MAX_VALUES} different values, or FROM..TO for numbers")
        return Choice(name, values)
    if isinstance(default, str | bool):
        kind = "a string" if isinstance(default, str) else "true or false"
        raise ProductionError(f"{location}: {name} is {kind}, so a list of values is needed")
    if not isinstance(raw, dict) or not {"from", "to"} <= raw.keys():
        raise ProductionError(f"{location}: expected {{ from = LOW, to = HIGH }} or a list of values")
    if unknown := [key for key in raw if key not in ("from", "to", "scale")]:
        raise ProductionError(f"{location}: {unknown[0]}: {_suggest(unknown[0], ['from', 'to', 'scale'])}")
    scale = raw.get("scale", "linear")
    if not isinstance(scale, str) or scale not in SCALES:
        raise ProductionError(f"{location}: the scale {scale!r:.60} is neither linear nor log")
    low, high = (float(convert(default, raw[end], f"{location}: {end}")) for end in ("from", "to"))
    if low >= high:
        raise ProductionError(f"{location}: the lower end, {low:.10g}, is not less than the upper end, {high:.10g}")
    if scale == "log" and low <= 0:
        raise ProductionError(f"{location}: the lower end, {low:.10g}, must be positive on a log scale")
    kind_of_number = type(default)
    return Interval(name, kind_of_number(low), kind_of_number(high), scale)


def _parse_option(default: Value, option: str) -> Any:
    if isinstance(default, str | bool) or ".." not in option:
        return option.split(",")
    low, _, bounds = option.partition("..")
    high, colon, scale = bounds.partition(":")
    return {"from": low, "to": high} | ({"scale": scale} if colon else {})


def _suggest(name: str, names: list[str]) -> str:
    similar = difflib.get_close_matches(str(name), names, 1)
    return f"did you mean {similar[0]}?" if similar else f"unknown key; the keys are {', '.join(names)}"
