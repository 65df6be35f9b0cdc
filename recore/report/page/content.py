"""A report: one HTML file that opens anywhere, offline, and a folder beside it with the numbers behind it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    import pandas as pd
    from plotly.graph_objects import Figure as PlotlyFigure

TABLE_ROWS = 60  # of a table on the page; its CSV has them all

Level = Literal["bad", "note", "good"]
LEVELS: tuple[Level, ...] = get_args(Level)  # what is bad comes first


@dataclass(frozen=True)
class Finding:
    """What a reader should know first, in a sentence. `name` and `values` are for programs; `section` says where."""

    level: Level
    name: str
    text: str
    section: str = ""
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Figure:
    """A picture, what it shows in a sentence (read aloud in its stead), and its numbers, written as `name`.csv.

    choices: where it shows one of several at a time, their names. The series of each have its place among them as
    `meta`, and those of the first alone are visible. details: a line of text for each choice, shown with it.

    groups: what the points can be coloured by. The figure's `meta` then holds `labels` and `groups`, the hover text and
    the number of the group of each row, and `looks`, the name, color and symbol of each group. The `customdata` of a
    series of points are the places of its rows in these two lists.
    """

    name: str
    title: str
    summary: str
    plot: "PlotlyFigure"
    numbers: "pd.DataFrame"
    choices: Sequence[str] = ()
    details: Sequence[str] = ()
    groups: str = ""


@dataclass(frozen=True)
class Table:
    """Numbers to read. The page shows the first TABLE_ROWS, `name`.csv has them all."""

    name: str
    title: str
    summary: str
    numbers: "pd.DataFrame"


@dataclass(frozen=True)
class Section:
    """A question. `reading` says what a good and a bad picture look like; `note` what was thinned out and how.

    folded: paragraphs that are shown on request, by the line that stands for them.
    """

    name: str
    title: str
    reading: str
    items: Sequence[Figure | Table] = ()
    note: str = ""
    folded: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Page:
    """A whole report. `facts` are the pairs at its head: which file, how many rows."""

    title: str
    lead: str
    facts: dict[str, str]
    findings: Sequence[Finding]
    sections: Sequence[Section]

    @property
    def items(self) -> list[Figure | Table]:
        return list(chain.from_iterable(section.items for section in self.sections))


def by_level(findings: Iterable[Finding]) -> list[Finding]:
    """Findings in the order of LEVELS, and otherwise as they come."""
    return sorted(findings, key=lambda finding: LEVELS.index(finding.level))
