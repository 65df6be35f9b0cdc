"""Where a tuning job searches: ranges of hyperparameters, from a submission's pyproject.toml and from options.

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
LARGEST = 1 << 20  # bytes of the file
TABLE = "tool.recore.tune"
JOBS, PARALLEL = 10, 2  # by default
MOST_JOBS, MOST_PARALLEL = 750, 100  # SageMaker's limits of a tuning job
MOST_RANGES, MOST_VALUES = 30, 30
SCALES = {"linear": "Linear", "log": "Logarithmic"}


@dataclass(frozen=True)
class Interval:
    """The numbers from low to high, of the type of low: whole numbers, or all."""

    name: str
    low: float
    high: float
    scale: str = "linear"

    def __str__(self) -> str:
        return f"{self.name} {self.low:.10g}..{self.high:.10g}" + (", log" if self.scale == "log" else "")


@dataclass(frozen=True)
class Choice:
    """Some values to choose from."""

    name: str
    values: tuple[Value, ...]

    def __str__(self) -> str:
        return f"{self.name} {'|'.join(map(str, self.values))}"


Range = Interval | Choice


@dataclass(frozen=True)
class TuningPlan:
    """What a tuning job tries. known: hyperparameters of fit(). jobs: training jobs."""

    known: Hyperparameters
    ranges: tuple[Range, ...]
    jobs: int
    parallel: int

    @property
    def request(self) -> dict[str, list[dict[str, Any]]]:
        """The ParameterRanges of a tuning job. Values to choose from are JSON, as the SDK writes them."""
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
    """Return the plan in a submission's pyproject.toml. options, such as alpha=1..9:log or kind=a,b, replace ranges.

    Raises ProductionError or OSError.
    """
    known, table = read_hyperparameters(files), _read_table(files.path)
    file = files.path / FILE
    ranges = {name: (f"{file}: [{TABLE}.ranges] {name}", raw) for name, raw in table["ranges"].items()}
    for option in options:
        name, equals, text = option.partition("=")
        if not equals or not name or not text:
            raise ProductionError(
                f"--range {option}: NAME=FROM..TO, NAME=FROM..TO:log or NAME=VALUE,VALUE is needed, such as "
                "alpha=0.1..10:log"
            )
        ranges[name] = (f"--range {name}", text)
    if not ranges:
        raise ProductionError(_describe_lack(files, known))
    if len(ranges) > MOST_RANGES:
        raise ProductionError(f"{len(ranges)} hyperparameters have ranges: SageMaker tunes at most {MOST_RANGES}")
    chosen = tuple(_read_range(known, name, raw, place) for name, (place, raw) in ranges.items())
    jobs = jobs or table.get("jobs", JOBS)
    return TuningPlan(known, chosen, jobs, min(jobs, parallel or table.get("parallel", PARALLEL)))


def _describe_lack(files: SubmissionFiles, known: Mapping[str, Value | None]) -> str:
    names = [name for name, default in known.items() if default is not None]
    if not names:
        return f"{files.path}: train.py: fit() has no hyperparameter to tune: give it a parameter with a default"
    table = f"write [{TABLE}.ranges] in {files.path / FILE}, or " if files.path.is_dir() else ""
    return f"no hyperparameter has a range: {table}pass --range NAME=FROM..TO; fit() has {', '.join(names)}"


def _read_table(submission: Path) -> dict[str, Any]:
    path = submission / FILE
    if not submission.is_dir() or not path.exists():
        return {"ranges": {}}
    if not path.is_file():
        raise ProductionError(f"{path}: a regular file is needed")
    with open(path, "rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise ProductionError(f"{path}: more than {LARGEST >> 20} MB are not read")
    try:
        table: Any = tomllib.loads(content.decode())
    except (ValueError, RecursionError) as error:
        raise ProductionError(f"{path} is not valid TOML: {error}") from None
    for name in TABLE.split("."):
        table = table.get(name, {}) if isinstance(table, dict) else None
    if not isinstance(table, dict) or not isinstance(table.get("ranges", {}), dict):
        raise ProductionError(f"{path}: [{TABLE}] and [{TABLE}.ranges] must be tables")
    limits = {"jobs": MOST_JOBS, "parallel": MOST_PARALLEL}
    for name, value in table.items():
        if name not in ("ranges", *limits):
            raise ProductionError(f"{path}: [{TABLE}] {name}: {_suggest(name, ['ranges', *limits])}")
        if name in limits and (type(value) is not int or not 1 <= value <= limits[name]):
            raise ProductionError(f"{path}: [{TABLE}] {name}: a whole number from 1 to {limits[name]} is needed")
    return {"ranges": {}, **table}


def _read_range(known: Hyperparameters, name: str, raw: Any, place: str) -> Range:
    default = find_default(known, name, place)
    if isinstance(raw, str):
        raw = _parse_option(default, raw)
    if isinstance(raw, list):
        values = tuple(convert(default, value, place) for value in raw)
        if len(set(values)) < len(values) or not 2 <= len(values) <= MOST_VALUES:
            raise ProductionError(f"{place}: 2 to {MOST_VALUES} different values are needed, or FROM..TO of numbers")
        return Choice(name, values)
    if isinstance(default, str | bool):
        kind = "a text" if isinstance(default, str) else "true or false"
        raise ProductionError(f"{place}: {name} is {kind}: a list of values is needed")
    if not isinstance(raw, dict) or not {"from", "to"} <= raw.keys():
        raise ProductionError(f"{place}: {{ from = LOW, to = HIGH }} or a list of values is needed")
    if unknown := [key for key in raw if key not in ("from", "to", "scale")]:
        raise ProductionError(f"{place}: {unknown[0]}: {_suggest(unknown[0], ['from', 'to', 'scale'])}")
    scale = raw.get("scale", "linear")
    if not isinstance(scale, str) or scale not in SCALES:
        raise ProductionError(f"{place}: the scale {scale!r:.60} is neither linear nor log")
    low, high = (float(convert(default, raw[end], f"{place}: {end}")) for end in ("from", "to"))
    if low >= high:
        raise ProductionError(f"{place}: from {low:.10g} to {high:.10g}: the first must be less than the second")
    if scale == "log" and low <= 0:
        raise ProductionError(f"{place}: from {low:.10g}: on a log scale it must be more than 0")
    kind_of_number = type(default)
    return Interval(name, kind_of_number(low), kind_of_number(high), scale)


def _parse_option(default: Value, text: str) -> Any:
    if isinstance(default, str | bool) or ".." not in text:
        return text.split(",")
    low, _, rest = text.partition("..")
    high, colon, scale = rest.partition(":")
    return {"from": low, "to": high} | ({"scale": scale} if colon else {})


def _suggest(name: str, names: list[str]) -> str:
    similar = difflib.get_close_matches(str(name), names, 1)
    return f"did you mean {similar[0]}?" if similar else f"there is no such key: {', '.join(names)} are known"
