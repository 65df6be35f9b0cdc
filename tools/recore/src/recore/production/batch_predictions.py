"""Write the table of predictions from the output of a batch transform job.

Each line has a sample's name, IDs, domain (inside, outside, or empty if the spectrum cannot be compared with the
training spectra), predicted assays and, on request, the bounds of their intervals.
"""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recore.atomic import replace_paths
from recore.challenge import challenge
from recore.listing import count
from recore.outputs import check_writable
from recore.production.project import ProductionError, WorkFailedError
from recore.spreadsheet_csv import safe_row

INTERVAL_ENDS = ("low", "high")
SHOWN_PROBLEMS = 20


@dataclass(frozen=True)
class UnpredictedSample:
    """A sample that could not be predicted: its row, counted from 1, its name and the reason."""

    row: int
    name: str
    reason: str

    def __str__(self) -> str:
        return f"row {self.row} ({self.name}) could not be predicted: {self.reason}"


@dataclass
class PredictedSamples:
    """Summary of a table of predictions. outside, unknown: numbers of samples outside the domain, and not compared."""

    rows: int = 0
    outside: int = 0
    unknown: int = 0
    problems: list[UnpredictedSample] = field(default_factory=list)

    def format_domain(self) -> str:
        """Return a line about the number of samples outside the domain."""
        n_compared = self.rows - self.unknown
        if not n_compared:
            return "domain: no sample could be compared with the training spectra"
        line = f"outside the domain: {self.outside} of {count(n_compared, 'sample')} ({self.outside / n_compared:.1%})"
        if self.outside:
            line += "; their spectra are unlike the training spectra, so do not rely on their predicted assays"
        return line + (f"; {self.unknown} could not be compared" if self.unknown else "")

    def format_problems(self) -> list[str]:
        """Return a line for each reason why samples could not be predicted, for at most SHOWN_PROBLEMS reasons."""
        reasons: dict[str, list[UnpredictedSample]] = {}
        for problem in self.problems:
            reasons.setdefault(problem.reason, []).append(problem)
        lines = []
        for first, *others in list(reasons.values())[:SHOWN_PROBLEMS]:
            more = f"; {count(len(others), 'more row')} with the same problem" if others else ""
            lines.append(f"{first}{more}")
        if len(reasons) > SHOWN_PROBLEMS:
            lines.append(f"and {count(len(reasons) - SHOWN_PROBLEMS, 'more reason')}; --json lists all")
        return lines

    def describe(self) -> dict[str, Any]:
        """Return the summary as a dict, for --json."""
        problems = list(map(str, self.problems))
        return {"rows": self.rows, "outside": self.outside, "unknown": self.unknown, "problems": problems}


def write_table(
    joined: Iterable[Sequence[str]],
    columns: Sequence[str],
    destination: Path,
    intervals: bool = False,
    spectra: bool = False,
) -> PredictedSamples:
    """Write a table from a job's output, and return its summary.

    joined: lines with the input's cells, followed by the response's cells. columns: the input's columns. intervals,
    spectra: whether to write them. Raises WorkFailedError if a line has the wrong number of cells.
    """
    targets, sample_ids = challenge().targets, challenge().sample_ids
    width = 2 + 3 * len(targets)  # cells of a response: domain, values, low ends, high ends, problem
    positions = {name: position for position, name in enumerate(columns)}
    channels = [name for name in columns[1:] if name not in sample_ids] if spectra else []
    ends = [f"{name} {end}" for name in targets for end in INTERVAL_ENDS] if intervals else []
    samples = PredictedSamples()
    with replace_paths(destination) as [part], open(part, "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow([*_first_columns(), *targets, *ends, *channels])
        for row in joined:
            samples.rows += 1
            sample, response = row[: len(columns)], row[len(columns) :]
            if len(response) != width:
                problem = f"has {len(response)} response cells instead of {width}"
                raise WorkFailedError(f"line {samples.rows} of the job's output {problem}")
            domain, *numbers, problem = response
            values, lows, highs = (
                numbers[start : start + len(targets)] for start in range(0, len(numbers), len(targets))
            )
            samples.outside += domain == "outside"
            samples.unknown += not domain
            if problem:
                samples.problems.append(UnpredictedSample(samples.rows, sample[0], problem))
            ids = [sample[positions[name]] if name in positions else "" for name in sample_ids]
            ends_by_target = [end for pair in zip(lows, highs, strict=True) for end in pair] if intervals else []
            spectrum = (sample[positions[name]] for name in channels)
            table.writerow([*safe_row([sample[0], *ids]), domain, *values, *ends_by_target, *spectrum])
    return samples


def _first_columns() -> list[str]:
    return ["name", *challenge().sample_ids, "domain"]


def check_destination(destination: Path, source: Path, consequence: str) -> None:
    """Raise OSError if `destination` cannot be written, or ProductionError with `consequence` if it is `source`."""
    check_writable(destination)
    if destination.exists() and source.exists() and destination.samefile(source):
        raise ProductionError(f"{destination}: {consequence}; choose another --out")


def check_new_table(destination: Path, sources: Iterable[Path], replace: bool) -> None:
    """Raise ProductionError or OSError if `destination` cannot be written. replace: whether it may be replaced.

    sources: input files, or folders with input files.
    """
    for source in sources:
        check_destination(destination, source, "the table would overwrite its own input")
        if source.is_dir() and destination.resolve().parent == source.resolve():
            raise ProductionError(f"{destination}: the spectra are in this folder; choose an --out outside it")
    if not destination.exists():
        return
    if not replace:
        raise FileExistsError(f"{destination} already exists; choose another --out, or replace it with --force")
    with open(destination, "rb") as file:
        header = ",".join([*_first_columns(), ""]).encode()
        if file.read(len(header)) != header:
            raise FileExistsError(
                f"{destination} is not a table of predictions, so it is not replaced; choose another --out"
            )
