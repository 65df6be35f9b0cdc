"""What a report consists of: findings, and sections of figures and tables."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Literal, get_args

import pandas as pd
from plotly.graph_objects import Figure as PlotlyFigure

from recore.text import plain

TABLE_ROWS = 60  # at most shown on the page; the CSV file has all rows
LISTED = 8  # names in a finding, at most

Level = Literal["bad", "note", "good"]
LEVELS: tuple[Level, ...] = get_args(Level)  # the order on the page


@dataclass(frozen=True)
class PageFinding:
    """A result in one sentence. `name` and `values` are for programs; `section` has the evidence."""

    level: Level
    name: str
    text: str
    section: str = ""
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Figure:
    """A plot, a sentence about it (also for screen readers), and its numbers, written to `name`.csv.

    choices: names, if one of several is shown at a time; the series of each have its number as `meta`, and only the
    first's are visible. details: a line of text for each choice. layouts: what each changes, by the names of the axes.
    groups: what points can be coloured by; the figure's `meta` then has `labels` and `groups` of each row and `looks`
    of each group, and the points have their rows' places as `customdata`.
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
    """The page shows at most TABLE_ROWS, `name`.csv all rows.

    empty: entries of the first column whose rows the page leaves out, as they have no values.
    """

    name: str
    title: str
    summary: str
    numbers: pd.DataFrame
    empty: Sequence[str] = ()

    @property
    def shown(self) -> pd.DataFrame:
        """The rows that are not empty."""
        return self.numbers[~self.numbers.iloc[:, 0].isin(self.empty)] if self.empty else self.numbers


@dataclass(frozen=True)
class Section:
    """`reading`: what good and bad results look like. `note`: how numbers were computed.

    folded: paragraphs that are shown on request, by the line that is shown instead.
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
    """A whole report. `facts` are the names and values below its title: which file, how many rows."""

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


def by_level(findings: Iterable[PageFinding]) -> list[PageFinding]:
    """Findings in the order of LEVELS; those of one level keep their order."""
    return sorted(findings, key=lambda finding: LEVELS.index(finding.level))


def short_name(name: object, widest: int = 28) -> str:
    """A name from the data without control characters, short enough for a legend."""
    text = plain(str(name), 10 * widest) or "(empty)"
    return text if len(text) <= widest else f"{text[: widest - 1]}\N{HORIZONTAL ELLIPSIS}"


def unique_names(names: list[str]) -> list[str]:
    """Names for an axis: names that occur more than once get a number."""
    totals, numbers = Counter(names), Counter[str]()
    unique = []
    for name in names:
        numbers[name] += 1
        unique.append(f"{name} ({numbers[name]})" if totals[name] > 1 else name)
    return unique
