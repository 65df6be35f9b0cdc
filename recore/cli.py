"""Every command: parse, call a room, print."""

import json
from pathlib import Path
from typing import Any

import click


class OneLineErrors(click.Group):
    """A group whose commands say in one line what was wrong with an input; --debug gives the traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (ValueError, OSError) as error:
            if ctx.params["debug"]:
                raise
            click.echo(f"recore: {error}", err=True)
            ctx.exit(2)


@click.group(cls=OneLineErrors, context_settings={"show_default": True, "help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def main(debug: bool) -> None:
    """Predict drill-core assays from FTIR spectra: the challenge around a submission.

    Exit status: 0 it worked, 1 the answer is no, 2 wrong use or wrong input.
    """


@main.command()
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder for the files.")
@click.option("--rows", type=int, default=3000, help="Samples, public and private together.")
@click.option("--holes", type=int, default=24, help="Drill holes; about three in ten become private.")
@click.option("--channels", type=int, default=1700, help="Channels of a spectrum, from 4000 to 600 cm-1.")
@click.option("--missing", type=float, default=0.0, help="Share of the assays left empty.")
@click.option("--seed", type=int, default=0, help="Another seed, another district.")
@click.option("--force", is_flag=True, help="Replace files that are there.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def sample(
    out: Path, rows: int, holes: int, channels: int, missing: float, seed: int, force: bool, as_json: bool
) -> None:
    """Make sample data in the challenge's schema.

    Writes public/public.csv.gz with assays, private/private.csv.gz without, and private/actual.csv.gz with the
    assays of the private rows. The same options make the same files on every machine.

    \b
    Example:
      python -m recore sample --out data
      python -m recore sample --out data/large --rows 20000 --holes 100 --missing 0.05
    """
    from rich.console import Console
    from rich.progress import Progress

    from recore.dataset.sample import Plan, make_sample

    plan = Plan(rows=rows, holes=holes, channels=channels, seed=seed, missing=missing)
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task("sample", total=rows)
        written = make_sample(out, plan, overwrite=force, advance=lambda done: progress.advance(task, done))
    if as_json:
        click.echo(json.dumps({str(path): {"rows": count} for path, count in written.items()}))
    else:
        for path, count in written.items():
            click.echo(f"sample: {count} rows in {path}")


@main.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=Path("data/scores"))
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def scores(folder: Path, as_json: bool) -> None:
    """Show where a submission stands: public and private score, and the targets that help and hurt most.

    FOLDER holds what score.py wrote: public.json, private.json or both.

    \b
    Example:
      python -m recore scores data/scores
    """
    from dataclasses import asdict

    from rich.console import Console

    from recore.pipeline.scores import read_scores, tables

    found = read_scores(folder)
    if as_json:
        click.echo(json.dumps({name: asdict(score) for name, score in found.items()}))
    else:
        for table in tables(found):
            Console(highlight=False).print(table, "")
        click.echo("The public score is that of the rows the model was trained on: it flatters.")
        for name in found:
            click.echo(f"{name}: {folder / name}.txt, details in {folder / name}.json")


@main.command()
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Loopback port; 0 takes a free one.")
@click.option("--isolation", type=click.Choice(["auto", "required", "off"]), default="auto", help="Walls around jobs.")
@click.option("--state", type=click.Path(file_okay=False, path_type=Path), help="Folder that outlives the simulator.")
@click.option("--json", "as_json", is_flag=True, help="Print the variables as JSON.")
def simulate(port: int, isolation: str, state: Path | None, as_json: bool) -> None:
    """Run SageMaker on this machine, in the foreground: jobs that really run, without Docker and without an account.

    Prints the variables to export, so that boto3, the AWS CLI and the SageMaker SDK come here. Ctrl-C ends it with
    every job. Without --state nothing is left then; with it, S3's objects and the records are there the next time.

    \b
    Example:
      python -m recore simulate --port 5000
      python -m recore simulate --state simulated --isolation required
    """
    import shlex
    import signal
    import threading

    from recore.simulator.server import Simulator

    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with Simulator(port, isolation, state) as simulator:
        if as_json:
            click.echo(json.dumps(simulator.variables()))
        else:
            for name, value in simulator.variables().items():
                click.echo(f"export {name}={shlex.quote(value)}")
        walls = (
            "bubblewrap: jobs see only their own files, without network"
            if simulator.enforced
            else "nothing is enforced"
        )
        click.echo(f"simulate: {simulator.endpoint}, isolation by {walls}; Ctrl-C ends it", err=True)
        ended.wait()
    click.echo("simulate: ended, with all its jobs", err=True)
