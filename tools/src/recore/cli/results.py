"""`recore scores` and `recore board`: the scores of one run, and all runs compared."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from recore.cli.common import FOLDER

if TYPE_CHECKING:
    from recore.evaluation import Score

PUBLIC = "the same rows, predicted by the model that was trained on them, so this score is optimistic"
HELD_OUT = "public rows, predicted by models that had not seen their drill hole; expect such a score on other holes"
MEANINGS = {"held-out": HELD_OUT, "public": PUBLIC}  # of scores, by their names


@click.command()
@click.argument("folder", type=FOLDER, default=Path("data/scores"))
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def scores(folder: Path, as_json: bool) -> None:
    """Show the scores, and what helps and hurts most.

    FOLDER holds what score.py wrote: any of held-out.json, public.json and private.json.

    \b
    Example:
      python -m recore scores data/scores
    """
    from recore.evaluation import read_scores

    by_name = read_scores(folder)
    if as_json:
        click.echo(json.dumps({name: asdict(score) for name, score in by_name.items()}))
    else:
        show_scores(by_name)
        for name in by_name:
            click.echo(f"{name}: {folder / name}.txt, details in {folder / name}.json")


@click.command()
@click.argument("folder", type=FOLDER, default=Path("runs"))
@click.option(
    "--note",
    nargs=2,
    type=(FOLDER, str),
    metavar="RUN TEXT",
    help='Write or replace the note of the run in the folder RUN, and list nothing; "" removes the note.',
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def board(folder: Path, note: tuple[Path, str] | None, as_json: bool) -> None:
    """List the runs in a folder, the best private score first.

    Without private scores, the best score of held-out drill holes comes first. The public score, of the rows that the
    model was trained on, does not count. Scores on different data cannot be compared: each set of data files has its
    own table, and the table with the latest run comes first.

    \b
    Example:
      python -m recore board
      python -m recore board runs --json
      python -m recore board --note runs/first "PLS, 12 components"
    """
    from rich.console import Console

    from recore.evaluation import board as runs
    from recore.evaluation import write_note

    if note:
        text = write_note(*note)
        if as_json:
            click.echo(json.dumps({"run": str(note[0]), "note": text}))
        elif text:
            click.echo(f"board: the note of {note[0]} is now: {text}")
        else:
            click.echo(f"board: {note[0]} has no note")
        return
    entries, errors = runs.read_runs(folder)
    for line in errors:
        click.echo(f"recore: {line}", err=True)
    if as_json:
        click.echo(json.dumps([runs.summarise(run) for run in entries]))
        return
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 200  # a file or a pipe can have long names in full
    for table in runs.make_tables(entries):
        console.print(table, "")
    if not entries:
        click.echo(f"board: no run in {folder}")


def show_scores(by_name: "dict[str, Score]") -> None:
    """Print the tables of scores."""
    from rich.console import Console

    console = Console(highlight=False)
    console.width = max(console.width, 80)  # a number that is cut off would read as another number
    from recore.evaluation import make_tables

    for table in make_tables(by_name):
        console.print(table, "")
    for name, meaning in MEANINGS.items():
        if name in by_name:
            click.echo(f"{name}: {meaning}")
