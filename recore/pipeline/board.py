"""The runs of a folder, best first."""

import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from recore.pipeline.record import Record, read_record
from recore.pipeline.text import plain

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True)
class Entry:
    """One run. failed: the step that failed first, if one did. data: of which files it is, by their hashes."""

    folder: str
    state: str
    failed: str | None
    started: datetime.datetime
    seconds: float
    scores: dict[str, float]
    submission: str
    data: str
    public: str
    note: str

    @property
    def order(self) -> tuple[float, float]:
        """What runs on the same data are sorted by: the private score, then the public one."""
        return self.scores.get("private", float("-inf")), self.scores.get("public", float("-inf"))


def read_runs(folder: Path) -> tuple[list[Entry], list[str]]:
    """The runs in a folder: those on the same data together, best first, and what could not be read as one.

    Raises FileNotFoundError where there is no such folder.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: there is no such folder; `python -m recore run` makes runs")
    entries, unread = [], []
    for path in sorted(folder.glob("*/run.json")):
        try:
            entries.append(_entry(read_record(path.parent)))
        except (OSError, ValueError) as error:
            unread.append(plain(str(error)))
    latest = {entry.data: max(other.started for other in entries if other.data == entry.data) for entry in entries}
    entries.sort(key=lambda entry: entry.started, reverse=True)
    entries.sort(key=lambda entry: (latest[entry.data], entry.data, entry.order), reverse=True)
    return entries, unread


def _entry(record: Record) -> Entry:
    return Entry(
        folder=record.folder.name,
        state=record.state,
        failed=next((step.name for step in record.steps if step.state == "Failed"), None),
        started=record.started,
        seconds=record.seconds,
        scores={side: score.value for side, score in record.scores.items()},
        submission=record.submission_sha256[:8],
        data="-".join((sha256 or "not read")[:8] for _, (_, sha256) in sorted(record.data.items())),
        public=record.data["public"][0],
        note=record.note,
    )


def tables(entries: list[Entry]) -> list["Table"]:
    """For people: a table for the runs on the same data."""
    from rich.table import Table
    from rich.text import Text

    made: dict[str, Table] = {}
    for entry in entries:
        if entry.data not in made:
            title = Text(plain(f"Runs on {entry.public}"))
            made[entry.data] = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
            for column in ("run", "state", "submission"):
                made[entry.data].add_column(column, overflow="fold")
            for column in ("private", "public", "seconds"):
                made[entry.data].add_column(column, justify="right")
        scores = (f"{entry.scores[side]:.4f}" if side in entry.scores else "-" for side in ("private", "public"))
        state = f"{entry.failed} failed" if entry.failed else entry.state.lower()
        words = (Text(plain(word)) for word in (entry.folder, state, entry.submission))
        made[entry.data].add_row(*words, *scores, f"{entry.seconds:.1f}")
    return list(made.values())
