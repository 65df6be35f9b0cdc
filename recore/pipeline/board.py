"""The runs in a folder, best first."""

import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from recore.pipeline.record import Record, read_record
from recore.pipeline.text import plain

if TYPE_CHECKING:
    from rich.table import Table

NONE = float("-inf")  # in place of a score that is missing: sorts last


@dataclass(frozen=True)
class Entry:
    """One run. failed: the first step that failed, if any. data: identifies the data files, by their hashes."""

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
    def rank(self) -> tuple[float, float]:
        """The key by which runs on the same data are sorted: the private score, then the public one."""
        return self.scores.get("private", NONE), self.scores.get("public", NONE)


def read_runs(folder: Path) -> tuple[list[Entry], list[str]]:
    """The runs in a folder, those on the same data together and best first, and an error for each invalid record.

    Raises FileNotFoundError where there is no such folder.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: there is no such folder; `python -m recore run` makes runs")
    entries, errors = [], []
    for path in sorted(folder.glob("*/run.json")):
        try:
            entries.append(_entry(read_record(path.parent)))
        except (OSError, ValueError) as error:
            errors.append(plain(str(error)))
    latest = {entry.data: max(other.started for other in entries if other.data == entry.data) for entry in entries}
    entries.sort(key=lambda entry: entry.started, reverse=True)
    entries.sort(key=lambda entry: (latest[entry.data], entry.data, entry.rank), reverse=True)
    return entries, errors


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


def make_tables(entries: list[Entry]) -> list["Table"]:
    """A table for each set of data files. Notes have a column where there are any."""
    from rich.table import Table
    from rich.text import Text

    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(entry.data, []).append(entry)
    tables = []
    for group in groups.values():
        title = Text(plain(f"Runs on {group[0].public}"))
        table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
        for column in ("run", "state", "submission"):
            table.add_column(column, overflow="fold")
        for column in ("private", "public", "seconds"):
            table.add_column(column, justify="right", no_wrap=True)
        noted = any(entry.note for entry in group)
        if noted:
            table.add_column("note", overflow="fold")
        for entry in group:
            state = f"{entry.failed} failed" if entry.failed else entry.state.lower()
            words = [Text(plain(word)) for word in (entry.folder, state, entry.submission)]
            scores = [f"{entry.scores[side]:.4f}" if side in entry.scores else "-" for side in ("private", "public")]
            note = [Text(entry.note)] if noted else []
            table.add_row(*words, *scores, f"{entry.seconds:.1f}", *note)
        tables.append(table)
    return tables
