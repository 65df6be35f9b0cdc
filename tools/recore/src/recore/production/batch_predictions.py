"""The table that is made of the answers of a batch transform.

The table has a line for each sample: name, IDs, domain (inside, outside, or empty if the spectrum cannot be compared
with those of the training), the 49 assays and, with intervals, both ends of each.
"""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recore.atomic import replaced
from recore.listing import count
from recore.outputs import check_writable
from recore.production.project import ProductionError, WorkFailedError
from recore.schema import DEPTH_FROM, DEPTH_TO, HOLE, TARGETS
from recore.spreadsheet_csv import safe_row

IDS = (HOLE, DEPTH_FROM, DEPTH_TO)  # in the order of a table
ENDS = ("low", "high")
DETAILS = 2 + 3 * len(TARGETS)  # cells of an answer: domain, values, low ends, high ends, problem
SHOWN_PROBLEMS = 20
TABLE_BEGINS = b"name,SiteID,DepthFrom,DepthTo,domain,"


@dataclass(frozen=True)
class UnpredictedSample:
    """A sample without assays in a table: its row, counted from 1, its name and the reason."""

    row: int
    name: str
    reason: str

    def __str__(self) -> str:
        return f"row {self.row} ({self.name}) could not be predicted: {self.reason}"


@dataclass
class PredictedSamples:
    """What a table holds. problems: the samples that could not be predicted, whose lines have no assays."""

    rows: int = 0
    outside: int = 0
    unknown: int = 0
    problems: list[UnpredictedSample] = field(default_factory=list)

    def describe_domain(self) -> str:
        """A line that says how many samples lie outside the domain."""
        compared = self.rows - self.unknown
        if not compared:
            return "domain: no sample could be compared with the training spectra"
        line = f"outside the domain: {self.outside} of {count(compared, 'sample')} ({self.outside / compared:.1%})"
        if self.outside:
            line += "; their spectra are unlike those of the training, so do not rely on their assays"
        return line + (f"; {self.unknown} could not be compared" if self.unknown else "")

    def describe_problems(self) -> list[str]:
        """A line for each reason why samples could not be predicted, at most SHOWN_PROBLEMS."""
        reasons: dict[str, list[UnpredictedSample]] = {}
        for problem in self.problems:
            reasons.setdefault(problem.reason, []).append(problem)
        lines = []
        for first, *others in list(reasons.values())[:SHOWN_PROBLEMS]:
            more = f"; the same holds for {count(len(others), 'more row')}" if others else ""
            lines.append(f"{first}{more}")
        if len(reasons) > SHOWN_PROBLEMS:
            lines.append(f"and {count(len(reasons) - SHOWN_PROBLEMS, 'more reason')}; --json lists all")
        return lines

    def describe(self) -> dict[str, Any]:
        """The same for programs."""
        problems = list(map(str, self.problems))
        return {"rows": self.rows, "outside": self.outside, "unknown": self.unknown, "problems": problems}


def write_table(
    joined: Iterable[Sequence[str]],
    columns: Sequence[str],
    target: Path,
    intervals: bool = False,
    spectra: bool = False,
) -> PredictedSamples:
    """Write the table of a job's output.

    joined: its lines, the cells of the input, then those of the answer. columns: names of the former. spectra: keep the
    channels. Raises WorkFailedError for a line with other cells.
    """
    places = {name: place for place, name in enumerate(columns)}
    channels = [name for name in columns[1:] if name not in IDS] if spectra else []
    ends = [f"{name} {end}" for name in TARGETS for end in ENDS] if intervals else []
    samples = PredictedSamples()
    with replaced(target) as [part], open(part, "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["name", *IDS, "domain", *TARGETS, *ends, *channels])
        for row in joined:
            samples.rows += 1
            sample, answer = row[: len(columns)], row[len(columns) :]
            if len(answer) != DETAILS:
                reason = f"{len(answer)} cells of an answer instead of {DETAILS}"
                raise WorkFailedError(f"line {samples.rows} of the job's output has {reason}")
            domain, *numbers, problem = answer
            values, lows, highs = (
                numbers[start : start + len(TARGETS)] for start in range(0, len(numbers), len(TARGETS))
            )
            samples.outside += domain == "outside"
            samples.unknown += not domain
            if problem:
                samples.problems.append(UnpredictedSample(samples.rows, sample[0], problem))
            ids = [sample[places[name]] if name in places else "" for name in IDS]
            both = [end for pair in zip(lows, highs, strict=True) for end in pair] if intervals else []
            spectrum = (sample[places[name]] for name in channels)
            table.writerow([*safe_row([sample[0], *ids]), domain, *values, *both, *spectrum])
    return samples


def check_target(target: Path, source: Path, consequence: str) -> None:
    """Raise ProductionError or OSError if a file cannot be written. consequence: of its being the source."""
    check_writable(target)
    if target.exists() and source.exists() and target.samefile(source):
        raise ProductionError(f"{target}: {consequence}: choose another --out")


def check_new_table(target: Path, sources: Iterable[Path], replace: bool) -> None:
    """Raise ProductionError or OSError if a table cannot be written; only an earlier table may be replaced.

    sources: files, and folders of them.
    """
    for source in sources:
        check_target(target, source, "the table would replace what it is made of")
        if source.is_dir() and target.resolve().parent == source.resolve():
            raise ProductionError(f"{target}: the spectra are in this folder: choose an --out outside of it")
    if not target.exists():
        return
    if not replace:
        raise FileExistsError(f"{target} already exists: choose another --out, or replace it with --force")
    with open(target, "rb") as file:
        if not file.read(len(TABLE_BEGINS)).startswith(TABLE_BEGINS):
            raise FileExistsError(
                f"{target}: it is not a table of predictions, and is not replaced: choose another --out"
            )
