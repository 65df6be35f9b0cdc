"""`recore split`: the files of a challenge, made from one table."""

import json
from pathlib import Path

import click

from recore.cli.common import FILE, FOLDER
from recore.cli.progress import show_work


@click.command()
@click.argument("file", type=FILE)
@click.option("--holes", required=True, help="Drill holes that become private: a share, 30% or 0.3, or names, A,B,C.")
@click.option("--out", type=FOLDER, default=Path("data"), help="Folder for the files.")
@click.option("--seed", type=click.IntRange(0), default=0, help="Seed of the choice, if --holes is a share.")
@click.option("--force", is_flag=True, help="Replace existing files.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def split(file: Path, holes: str, out: Path, seed: int, force: bool, as_json: bool) -> None:
    """Split a table into public and private data.

    FILE is a CSV in the challenge's schema, plain or gzipped. Whole drill holes become private. Writes
    public/public.csv.gz with assays, private/private.csv.gz without, and private/actual.csv.gz with the assays of the
    private rows. No digit changes.

    \b
    Example:
      python -m recore split table.csv.gz --holes 30% --out ../host
      python -m recore split table.csv.gz --holes DH-7,DH-12 --out ../host
    """
    from recore.dataset import split_table
    from recore.listing import count, list_names

    with show_work("split") as advance:
        advance("reading and writing rows", 0, 1)
        done = split_table(file, holes, out, seed, force)
    public, private, actual = done.paths
    if as_json:
        sides = {"public": done.public, "private": done.private}
        files = {"public": str(public), "private": str(private), "actual": str(actual)}
        click.echo(json.dumps({"files": files, "rows_by_hole": sides}))
        return
    for name, rows, path in (("public", done.public, public), ("private", done.private, private)):
        sizes = f"{count(len(rows), 'drill hole')}, {count(sum(rows.values()), 'row')}"
        click.echo(f"split: {name}: {sizes}: {path}")
    click.echo(f"split: the assays of the private rows: {actual}")
    click.echo(f"split: private drill holes: {list_names(list(done.private), 20)}")
