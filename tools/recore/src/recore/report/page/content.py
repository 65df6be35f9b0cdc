"""Content of a report: findings, and sections of figures and tables."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Literal, get_args

import pandas as pd
from plotly.graph_objects import Figure as PlotlyFigure

from recore.text import plain

TABLE_ROWS = 60  # at most, on the page; the CSV file has all rows
LISTED = 8  # at most, names in a finding

Level = Literal["bad", "note", "good"]
LEVELS: tuple[Level, ...] = get_args(Level)  # the order on the page


@dataclass(frozen=True)
class PageFinding:
    """A result in one sentence. name, values: for programs. section: the name of the section with the evidence."""

    level: Level
    name: str
    text: str
    section: str = ""
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Figure:
    """A plot, a sentence about it (also for screen readers), and its numbers, which are written to `name`.csv.

    choices: names of the plots, if the reader chooses one at a time. Each series then has the index of its choice as
    `meta`, and only the first choice is initially visible. details: a line for each choice. layouts: axis changes for
    each choice. groups: the property that colours the points, such as drill hole. The figure's `meta` then has each
    row's `labels` and `groups`, and each group's `looks`; each point has its row's index as `customdata`.
    """

    name: str
    title: str
    summary: str
    plot: PlotlyFigure
    numbers: pd.DataFrame
    choices: Sequence[str] = ()
    details: Sequence[str] = ()
    layouts: Sequence[Mapping[str, Any]] = ()
    groups: str = ""


@dataclass(frozen=True)
class Table:
    """A table. The page shows at most TABLE_ROWS rows; `name`.csv contains all rows.

    empty: the names (first column) of rows that have no values and that the page does not show.
    """

    name: str
    title: str
    summary: str
    numbers: pd.DataFrame
    empty: Sequence[str] = ()

    @property
    def shown_rows(self) -> pd.DataFrame:
        """The rows whose names are not in `empty`."""
        return self.numbers[~self.numbers.iloc[:, 0].isin(self.empty)] if self.empty else self.numbers


@dataclass(frozen=True)
class Section:
    """A section of a report. reading: how to recognise good and bad results. note: how the numbers were computed.

    folded: collapsed paragraphs, keyed by the summary line that expands each of them.
    """

    name: str
    title: str
    reading: str
    items: Sequence[Figure | Table] = ()
    note: str = ""
    findings: Sequence[PageFinding] = ()
    folded: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Page:
    """A complete report. facts: names and values shown below the title, such as the file and its number of rows."""

    title: str
    lead: str
    facts: dict[str, str]
    findings: Sequence[PageFinding]
    sections: Sequence[Section]

    @property
    def items(self) -> list[Figure | Table]:
        return list(chain.from_iterable(section.items for section in self.sections))


def findings_of(sections: Iterable[Section]) -> list[PageFinding]:
    return list(chain.from_iterable(section.findings for section in sections))


def sort_by_level(findings: Iterable[PageFinding]) -> list[PageFinding]:
    """Return findings sorted by level, in the order of LEVELS; the sort is stable."""
    return sorted(findings, key=lambda finding: LEVELS.index(finding.level))


def short_name(name: object, max_length: int = 28) -> str:
    """Return a name from the data without control characters, short enough for a legend."""
    cleaned = plain(str(name), 10 * max_length) or "(empty)"
    return cleaned if len(cleaned) <= max_length else f"{cleaned[: max_length - 1]}\N{HORIZONTAL ELLIPSIS}"


def unique_names(names: list[str]) -> list[str]:
    """Return unique names for an axis. Repeated names are numbered."""
    totals, numbers = Counter(names), Counter[str]()
    unique = []
    for name in names:
        numbers[name] += 1
        unique.append(f"{name} ({numbers[name]})" if totals[name] > 1 else name)
    return unique
