"""`recore sample`."""

import json
from pathlib import Path
from typing import Any

import click

from recore.cli.common import FOLDER, FiniteNumber
from recore.cli.progress import show_work


@click.command()
@click.option("--out", type=FOLDER, required=True, help="Folder for the files.")
@click.option("--rows", type=int, default=1920, help="Samples, public and private together; three in ten are private.")
@click.option("--holes", type=int, default=24, help="Drill holes; none is both public and private.")
@click.option("--channels", type=int, default=3651, help="Channels of a spectrum, from 4000 to 350 cm-1.")
@click.option("--missing", type=FiniteNumber(), default=0.0, help="Share of the assays that are left empty.")
@click.option("--seed", type=int, default=0, help="Seed of the random numbers.")
@click.option("--force", is_flag=True, help="Replace existing files.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def sample(out: Path, force: bool, as_json: bool, **options: Any) -> None:
    """Write sample data in the challenge's schema.

    Writes public/public.csv.gz with assays, private/private.csv.gz without, and private/actual.csv.gz with the assays
    of the private rows. The same options give the same files on every machine.

    \b
    Example:
      python -m recore sample --out data
      python -m recore sample --out data/large --rows 20000 --missing 0.03
    """
    from recore.dataset import Plan, make_sample

    plan = Plan(**options)
    with show_work("sample") as advance:
        done = 0

        def add(rows: int) -> None:
            nonlocal done
            done += rows
            advance("writing rows", done, plan.rows)

        written = make_sample(out, plan, overwrite=force, advance=add)
    if as_json:
        click.echo(json.dumps({str(path): {"rows": count} for path, count in written.items()}))
    else:
        for path, count in written.items():
            click.echo(f"sample: {count} rows in {path}")
