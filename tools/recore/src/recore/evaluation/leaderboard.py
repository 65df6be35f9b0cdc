"""Leaderboard of the runs in a folder, sorted by held-out score or, for a host, by private score."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recore.distribution import PROGRAM
from recore.evaluation.record import Record, read_record
from recore.evaluation.scores import HOST_RANKING_SCORES, RANKING_SCORES
from recore.text import plain

if TYPE_CHECKING:
    from rich.table import Table


def read_runs(*folders: Path, private_first: bool = False) -> tuple[list[Record], list[str]]:
    """Return the runs in the given folders, best first, and an error message for each invalid record.

    Runs on the same data with the same score.py are grouped. Raises FileNotFoundError if a folder does not exist.
    """
    for folder in folders:
        if not folder.is_dir():
            raise FileNotFoundError(f"{folder}: there is no such folder; create a run with `{PROGRAM} run`")
    runs, errors = [], []
    for path in sorted(path for folder in dict.fromkeys(folders) for path in folder.glob("*/run.json")):
        try:
            runs.append(read_record(path.parent))
        except (OSError, ValueError) as error:
            errors.append(plain(str(error)))
    runs.sort(key=lambda run: run.started)
    latest = {run.comparison_key: run.started for run in runs}
    runs.sort(key=lambda run: (run.rank(private_first), run.started), reverse=True)
    runs.sort(key=lambda run: (latest[run.comparison_key], run.comparison_key), reverse=True)
    return runs, errors


def find_runs(
    folder: Path, submission_sha256: str, public_sha256: str, hyperparameters: Mapping[str, Any] = {}
) -> list[Record]:
    """Return the runs of a submission on a public file, oldest first; an empty list if the folder does not exist."""
    runs = read_runs(folder)[0] if folder.is_dir() else []
    return runs_of(runs, submission_sha256, {"public": public_sha256}, hyperparameters)


def find_recomputed(folder: Path, record: dict[str, Any]) -> dict[str, Any]:
    """Return the held-out score that was recomputed for an earlier run like this one, as a member of run.json, or {}.

    record: the new run's. Both have the same submission, hyperparameters, public data and score.py.
    """
    public, hyperparameters = record["data"]["public"]["sha256"], record["settings"]["hyperparameters"]
    for run in reversed(find_runs(folder, record["submission"]["sha256"], public, hyperparameters)):
        if run.recomputed_held_out is not None and run.score_sha256 == record["score_script"]["sha256"]:
            command = f"run, from {run.folder.name}"
            again = {"score": run.recomputed_held_out, "command": command, "groups": run.recomputed_groups}
            return {"held_out_again": again}
    return {}


def runs_of(
    runs: Iterable[Record], submission_sha256: str, data: Mapping[str, str], hyperparameters: Mapping[str, Any] = {}
) -> list[Record]:
    """Return a submission's runs on the same data, oldest first. data: the SHA-256 of each file by name."""
    is_same_data = (
        run
        for run in runs
        if run.submission_sha256 == submission_sha256
        and run.hyperparameters == hyperparameters
        and all(name in run.data and run.data[name][1] == sha256 for name, sha256 in data.items())
    )
    return sorted(is_same_data, key=lambda run: run.started)


def summarise(run: Record) -> dict[str, Any]:
    return {
        "folder": run.folder.name,
        "state": run.state,
        "failed": run.failed_step,
        "reason": run.reason,
        "started": run.started.isoformat(),
        "seconds": run.seconds,
        "scores": {name: score.value for name, score in run.scores.items()},
        "held_out_again": run.recomputed_held_out,
        "submission": run.submission_sha256[:8],
        "hyperparameters": run.hyperparameters,
        "data": run.data_hashes,
        "score_script": run.score_sha256[:8],
        "public": run.data["public"][0],
        "note": run.note,
    }


def make_tables(runs: list[Record], private_first: bool = False, with_folder: bool = False) -> list["Table"]:
    """Return a table for each combination of data and score.py. with_folder: whether to show paths, not names."""
    from rich.table import Table
    from rich.text import Text

    groups: dict[tuple[str, str], list[Record]] = {}
    for run in runs:
        groups.setdefault(run.comparison_key, []).append(run)
    tables = []
    paths = [group[0].data["public"][0] for group in groups.values()]
    several_scripts = len({script for _, script in groups}) > 1
    for ((hashes, script), group), path in zip(groups.items(), paths, strict=True):
        others = ", ".join(name for name in group[0].data if name != "public") or "no private data"
        is_unique = paths.count(path) == 1
        heading = f"Runs on {path}" if is_unique else f"Runs on {path} and {others} (data {hashes})"
        title = Text(plain(f"{heading}, score.py {script}" if several_scripts else heading))
        table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
        for column in ("run", "state", "submission"):
            table.add_column(column, overflow="fold")
        order = HOST_RANKING_SCORES if private_first else RANKING_SCORES
        names = [name for name in order if any(name in run.values for run in group)]
        for column in (*names, "seconds"):
            table.add_column(column, justify="right", no_wrap=True)
        has_notes = any(run.note for run in group)
        if has_notes:
            table.add_column("note", overflow="fold")
        for run in group:
            values = (
                str(run.folder) if with_folder else run.folder.name,
                run.explain_result(True),
                f"{run.submission_sha256[:8]} {run.options}".strip(),
            )
            note = [Text(run.note)] if has_notes else []
            cells = [Text(plain(value)) for value in values]
            table.add_row(*cells, *map(run.show, names), f"{run.seconds:.1f}", *note)
        tables.append(table)
    return tables
