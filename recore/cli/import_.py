"""`recore import`."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recore.cli.bar import bar

if TYPE_CHECKING:
    from recore.dataset.importing import Outcome

SHOWN = 5  # problems of one file: a table can have as many as it has lines
FILE = click.Path(dir_okay=False, path_type=Path)


@click.command("import")
@click.argument("files", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option("--assays", type=FILE, help="The assay table: sample, SiteID, DepthFrom, DepthTo, targets.")
@click.option("--out", type=FILE, required=True, help="The data file to write, .csv.gz.")
@click.option(
    "--replicates",
    type=click.Choice(["one", "mean", "each"]),
    default="one",
    help="Several spectra of a sample: refused, averaged, or a row each.",
)
@click.option("--name", metavar="REGEX", help="What file names are like.  [default: SAMPLE.REPLICATE, as OPUS has it]")
@click.option("--block", default="absorbance", help="Of OPUS files; see above.")
@click.option(
    "--convert",
    type=click.Choice(["fraction", "percent"]),
    help="The values are reflectance or transmittance on this scale: take log10(1 / value).",
)
@click.option("--unit", type=click.Choice(["cm-1", "nm", "um"]), help="Of the axis of text files that do not say it.")
@click.option("--like", type=FILE, help="A data file whose channels the new one is to have.")
@click.option("--interpolate", is_flag=True, help="Interpolate spectra on other grids; else they are refused.")
@click.option("--only-listed", is_flag=True, help="Pass over samples that the assay table does not have.")
@click.option("--keep-going", is_flag=True, help="Import the rest where files cannot be imported; else nothing.")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def import_(files: tuple[Path, ...], as_json: bool, **options: Any) -> None:
    """Convert spectra and assays to the challenge's schema.

    FILES are Bruker OPUS files, text files of two columns (wavenumber, value), tables with a spectrum in each line,
    folders of such files, and patterns. Without --assays the file has an index and channels alone.

    --block is absorbance, atr, log-reflectance, reflectance or transmittance (the last two with --convert), or
    single-channel, which makes absorbance of the sample's and the reference's; absorbance:2 is the second of its kind.

    --name is a regular expression for the whole name of a file with the groups (?P<sample>...) and, where there are
    replicates, (?P<replicate>...).

    Exit status: 0 all was imported, 1 not all or nothing was, a line on stderr for each problem, 2 wrong use.

    \b
    Example:
      python -m recore import spectra/ --assays assays.csv \\
        --replicates mean --out data/public/public.csv.gz
      python -m recore import spectra/ --assays new.csv --replicates mean \\
        --like data/public/public.csv.gz --only-listed \\
        --out data/private/private.csv.gz
    """
    from recore.dataset.importing import Order, import_files
    from recore.dataset.instruments.files import Reading

    reading = Reading(**{name: options.pop(name) for name in ("block", "unit", "convert", "name")})
    order = Order(files, options.pop("out"), reading=reading, overwrite=options.pop("force"), **options)
    with bar() as progress:
        task = progress.add_task("import", total=None)
        outcome = import_files(order, lambda done, total: progress.update(task, completed=done, total=total))
    if as_json:
        click.echo(json.dumps(_record(order.out, outcome)))
    _tell(order.out, outcome, as_json)
    raise SystemExit(int(bool(outcome.problems)))


def _record(out: Path, outcome: "Outcome") -> dict[str, Any]:
    """The outcome as JSON has it."""
    grid = outcome.grid
    return {
        "file": str(out) if grid else None,
        "rows": outcome.rows,
        "spectra": outcome.spectra,
        "channels": len(grid.names) if grid else 0,
        "first": grid.names[0] if grid else None,
        "last": grid.names[-1] if grid else None,
        "remarks": outcome.remarks,
        "problems": [{"source": problem.source, "reason": problem.reason} for problem in outcome.problems],
    }


def _tell(out: Path, outcome: "Outcome", as_json: bool) -> None:
    """The outcome for people: remarks and problems on stderr, a line each."""
    from recore.pipeline.text import plain

    for remark in outcome.remarks:
        click.echo(plain(f"note: {remark}", 2000), err=True)
    of_file: Counter[str] = Counter()
    for problem in outcome.problems:
        file = re.sub(r" line \d+$", "", problem.source)
        of_file[file] += 1
        if of_file[file] <= SHOWN:
            click.echo(plain(f"recore: {problem.source}: {problem.reason}", 2000), err=True)
    for file, count in of_file.items():
        if count > SHOWN:
            click.echo(plain(f"recore: {file}: and {count - SHOWN} problems more; --json lists all", 2000), err=True)
    if outcome.grid is None:
        click.echo(f"recore: nothing was written, for {len(outcome.problems)} reason(s)", err=True)
    elif not as_json:
        click.echo(f"import: {outcome.rows} rows of {outcome.grid} from {outcome.spectra} spectra in {out}")
