"""The results of judged submissions, the best private score first: as a table, as a CSV file and for JSON."""

import csv
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recore.evaluation.judging import Entry
from recore.evaluation.scores import HOSTS_JUDGES
from recore.spreadsheet_csv import safe_cell
from recore.text import plain

if TYPE_CHECKING:
    from rich.table import Table

TABLE_NAME = "judged.csv"  # in the folder with the runs


def sort_entries(entries: Sequence[Entry]) -> list[Entry]:
    """The entries with the best private score first, those that were not judged last."""
    return sorted(entries, key=lambda entry: entry.rank, reverse=True)


def summarise_entry(entry: Entry) -> dict[str, Any]:
    """An entry as a row of the CSV file and an object of JSON; None where there is no value."""
    record = entry.record
    return {
        "submission": str(entry.path),
        **{name: record.values.get(name) if record else None for name in HOSTS_JUDGES},
        "held-out by": record.held_out_by if record else None,
        "seconds": record.seconds if record else None,
        "result": entry.result,
        "sha256": entry.files.sha256 if entry.files else None,
        "run": str(record.folder) if record else None,
    }


def write_table(entries: Sequence[Entry], folder: Path) -> Path:
    """Write the results as CSV into a folder, an earlier file is replaced as a whole. Returns its path."""
    path = folder / TABLE_NAME
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".judged-") as beside:
        part = Path(beside, TABLE_NAME)
        with open(part, "w", newline="", encoding="utf-8", errors="replace") as file:
            rows = [summarise_entry(entry) for entry in entries]
            writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows({name: safe_cell(cell) for name, cell in row.items()} for row in rows)
        os.replace(part, path)
    return path


def make_judged_table(entries: Sequence[Entry], public: Path) -> "Table":
    """The results as a table for a terminal."""
    from rich.table import Table
    from rich.text import Text

    title = Text(plain(f"Judged on {public}"))
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column("submission", overflow="fold")
    for column in (*HOSTS_JUDGES, "seconds"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("result", overflow="fold")
    for entry in entries:
        scores = [entry.record.show(name) if entry.record else "-" for name in HOSTS_JUDGES]
        seconds = f"{entry.record.seconds:.1f}" if entry.record else "-"
        table.add_row(Text(plain(str(entry.path))), *scores, seconds, Text(entry.result))
    return table
