"""`recore judge`: submissions of others on the same data."""

import datetime
import json
from pathlib import Path

import click

from recore.cli.common import FILE, FOLDER, FiniteNumber, show_line
from recore.cli.progress import show_running
from recore.places import PlaceSettings, open_place
from stagemaker import interrupts


@click.command()
@click.argument("submissions", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option("--public", type=FILE, required=True, help="Data with assays.")
@click.option("--private", type=FILE, required=True, help="Data without assays.")
@click.option("--actual", type=FILE, required=True, help="The assays of the private data.")
@click.option("--out", type=FOLDER, default=Path("judged"), help="Folder for the runs and judged.csv.")
@click.option("--jobs", type=click.IntRange(1, 64), default=1, help="Submissions that run at the same time.")
@click.option(
    "--minutes",
    type=FiniteNumber(0.02, 1440),
    default=60.0,
    help="Time limit of each job that runs train.py or preprocess.py.",
)
@click.option("--engine", type=click.Choice(["process", "docker"]), default="process", help="Where jobs run.")
@click.option("--json", "as_json", is_flag=True, help="Print the table as JSON.")
def judge(
    submissions: tuple[Path, ...],
    public: Path,
    private: Path,
    actual: Path,
    out: Path,
    jobs: int,
    minutes: float,
    engine: str,
    as_json: bool,
) -> None:
    """Run submissions, and rank them by the private score.

    Each of SUBMISSIONS is a folder with setup.py or a src.tar.gz. Its jobs run in the sandbox. A submission that fails
    is judged, too: the table says why it failed. The same command judges only what is new: it skips a submission if
    its files, the data and score.py are those of an earlier run, unless that failed for a reason outside the
    submission. To judge it again, remove the run's folder. Ctrl-C stops the jobs and keeps the complete runs.

    If submissions have the same private score, the held-out score decides. It is recomputed for these submissions, by
    trainings without the predicted drill holes, because their own scores cannot be trusted.

    Exit status: 0 all submissions were judged, 1 one could not be read or must be run again, 2 wrong use,
    130 interrupted.

    \b
    Example:
      python -m recore judge ../host/submissions/* --public p.csv.gz \\
        --private q.csv.gz --actual a.csv.gz
    """
    from rich.console import Console

    from recore.evaluation import (
        DataFiles,
        Entry,
        Round,
        explain_own_held_out,
        make_context,
        make_judged_table,
        sort_entries,
        summarise_entry,
        tied_by_private_score,
        write_table,
    )
    from recore.listing import count

    data = DataFiles(public, private, actual)
    this_round = Round(data, out, round(60 * minutes))
    entries = this_round.read(submissions)
    for line in this_round.invalid:
        show_line(f"judge: {line}; its submission is run again")
    for entry in entries:
        if entry.trouble:
            show_line(f"judge: {entry.result}")
    judged = sum(entry.record is not None for entry in entries)
    to_run = sum(entry.record is None and entry.trouble is None for entry in entries)
    show_line(f"judge: {count(len(entries), 'submission')}, {judged} judged before, {to_run} to run")
    done = 0

    def show_end(entry: Entry) -> None:
        nonlocal done
        done += 1
        private = f", private {entry.record.show('private')}" if entry.record and not entry.record.failed else ""
        show_line(f"judge: {done} of {to_run}, {entry.path}: {entry.result}{private}")

    if to_run or tied_by_private_score(entries):
        folder = Path.cwd()
        started = datetime.datetime.now(datetime.UTC)
        try:
            settings = PlaceSettings(engine, "required", without_sandbox="--engine docker")
            with open_place(settings, show_line) as place:
                show_line(f"judge: on {place.endpoint}, isolation: {place.isolation}")
                arguments = {"jobs": jobs, "minutes": minutes, "engine": engine, "round": started} | data.files
                context = make_context(place, "", arguments, folder)
                with show_running("judge", every_step=False) as watch:
                    this_round.judge(place, entries, jobs, context, watch, show_end)
                    if tied := tied_by_private_score(entries):
                        from recore.check import host_weights, recompute_held_out

                        equal = f"judge: {count(len(tied), 'submission')} with equal private scores"
                        show_line(f"{equal}: recomputing their held-out scores")
                        recompute_held_out(place, tied, public, host_weights(), this_round.seconds, watch, show_line)
        except KeyboardInterrupt:
            line = f"{interrupts.line('recore')}, its jobs are stopped; {done} of {to_run} judged"
            click.echo(f"{line}: the same command judges the others", err=True)
            raise SystemExit(interrupts.STATUS) from None
    ranked = sort_entries(entries)
    table = write_table(ranked, out)
    if as_json:
        click.echo(json.dumps([summarise_entry(entry) for entry in ranked]))
    else:
        console = Console(highlight=False)
        if not console.is_terminal:
            console.width = 200  # a file or a pipe can have long names in full
        console.print(make_judged_table(ranked, public), "")
        if any(entry.record and entry.record.held_out_is_own for entry in ranked):
            click.echo(explain_own_held_out(None))
        click.echo(f"judge: {table}, and the runs in {out}")
    raise SystemExit(int(any(entry.trouble for entry in entries)))
