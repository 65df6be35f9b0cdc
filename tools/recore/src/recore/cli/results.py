"""`recore scores` and `recore leaderboard`: show the scores of a run, and compare runs."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from recore.challenge import reword
from recore.cli.common import FOLDER, show_json, table_console
from recore.distribution import shell_program

if TYPE_CHECKING:
    from recore.evaluation import Score

MEANINGS = {  # of scores, by name
    "held-out": "public rows, predicted without the row's drill hole in training; unverified",
    "public": "public rows, predicted by the model that was trained on them, so this score is optimistic",
}


@click.command()
@click.argument("folder", type=FOLDER, default=Path("data/scores"))
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def scores(folder: Path, as_json: bool) -> None:
    """Show the scores, contributions and possible gains.

    FOLDER contains the output of score.py: any of held-out.json, public.json and private.json.

    \b
    Example:
      python -m recore scores data/scores
    """
    from recore.evaluation import read_scores

    by_name = read_scores(folder)
    if as_json:
        show_json({name: asdict(score) for name, score in by_name.items()})
    else:
        show_scores(by_name)
        for name in by_name:
            click.echo(f"{name}: {folder / name}.txt, details in {folder / name}.json")


@click.command()
@click.argument("folders", type=FOLDER, nargs=-1)
@click.option(
    "--note",
    nargs=2,
    type=(FOLDER, str),
    metavar="RUN TEXT",
    help='Set the note of the run in the folder RUN and exit; "" removes the note.',
)
@click.option("--private", is_flag=True, help="For hosts: list the best private score first.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def leaderboard(folders: tuple[Path, ...], note: tuple[Path, str] | None, private: bool, as_json: bool) -> None:
    """List runs, the best held-out score first.

    FOLDERS, by default `runs`, contain runs or the output of judge.

    A held-out score with * is unverified: the submission computed it itself; `recore validate` recomputes it.
    Later runs of the same submission keep the recomputed score. Runs without a held-out score come last, the best
    private score first. With --private, equal private scores are ranked as by `recore judge`: by the recomputed
    held-out score, then the earliest run first. Hyperparameters of `run --set` are shown next to the submission's hash.
    The public score is ignored, because the model was trained on the public rows. Scores on different data or from
    different versions of score.py are not comparable and have separate tables.

    \b
    Example:
      python -m recore leaderboard
      python -m recore leaderboard judged --private
      python -m recore leaderboard judged-1 judged-2 --private
      python -m recore leaderboard --note runs/first "PLS, 12 components"
    """
    from recore.evaluation import explain_unverified_score, write_note
    from recore.evaluation import leaderboard as runs

    if note:
        new_note = write_note(*note)
        if as_json:
            show_json({"run": str(note[0]), "note": new_note})
        elif new_note:
            click.echo(f"leaderboard: the note of {note[0]} is now: {new_note}")
        else:
            click.echo(f"leaderboard: {note[0]} has no note")
        return
    folders = folders or (Path("runs"),)
    entries, errors = runs.read_runs(*folders, private_first=private)
    for line in errors:
        click.echo(f"recore: {line}", err=True)
    if as_json:
        show_json([runs.summarise(run) for run in entries])
        return
    console = table_console()
    for table in runs.make_tables(entries, private, len(folders) > 1):
        console.print(table, "")
    if any(run.held_out_is_unverified for run in entries):
        click.echo(explain_unverified_score(None if private else shell_program()))
    if not entries:
        click.echo(f"leaderboard: no runs in {', '.join(map(str, folders))}")


def show_scores(by_name: "dict[str, Score]", is_third_party: bool = False) -> None:
    """Print tables of scores, and explain the scores. is_third_party: whether somebody else wrote the submission."""
    from rich.console import Console

    from recore.evaluation import explain_unverified_score, make_tables

    console = Console(highlight=False)
    console.width = max(console.width, 80)  # a truncated number would be misread
    for table in make_tables(by_name):
        console.print(table, "")
    for name, meaning in MEANINGS.items():
        if name in by_name:
            click.echo(f"{name}: {reword(meaning)}")
    if "held-out" in by_name:
        click.echo(explain_unverified_score(None if is_third_party else shell_program()))
