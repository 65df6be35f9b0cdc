"""`recore scores` and `recore board`: where a submission stands, and where its runs do."""

import datetime
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from recore.pipeline.scores import Score


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=Path("data/scores"))
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def scores(folder: Path, as_json: bool) -> None:
    """Show where a submission stands: public and private score, and the targets that help and hurt most.

    FOLDER holds what score.py wrote: public.json, private.json or both.

    \b
    Example:
      python -m recore scores data/scores
    """
    from recore.pipeline.scores import read_scores

    found = read_scores(folder)
    if as_json:
        click.echo(json.dumps({name: asdict(score) for name, score in found.items()}))
    else:
        show(found)
        for name in found:
            click.echo(f"{name}: {folder / name}.txt, details in {folder / name}.json")


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=Path("runs"))
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def board(folder: Path, as_json: bool) -> None:
    """List the runs in a folder, best first: by their private score, or else the public one.

    Scores on other data do not compare: runs on the same files stand together, those with the latest run first.

    \b
    Example:
      python -m recore board
      python -m recore board runs --json
    """
    from rich.console import Console

    from recore.pipeline import board as runs

    entries, unread = runs.read_runs(folder)
    for line in unread:
        click.echo(f"recore: {line}", err=True)
    if as_json:
        click.echo(json.dumps([asdict(entry) for entry in entries], default=datetime.datetime.isoformat))
        return
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 200  # whoever reads it there can have names whole
    for table in runs.tables(entries):
        console.print(table, "")
    if not entries:
        click.echo(f"board: no run in {folder}")


def show(found: "dict[str, Score]") -> None:
    """Print the tables of scores."""
    from rich.console import Console

    from recore.pipeline.scores import tables

    console = Console(highlight=False)
    console.width = max(console.width, 80)  # a cell that is cut would show another number
    for table in tables(found):
        console.print(table, "")
    if "public" in found:
        click.echo("The public score is that of the rows the model was trained on: it is optimistic.")
