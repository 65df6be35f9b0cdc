"""`recore import`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recore.cli.common import FILE
from recore.cli.progress import show_work
from recore.cli.spectra_files import reading_options, show_nothing_written, show_remarks, take_reading
from recore.listing import count

if TYPE_CHECKING:
    from recore.dataset import ImportResult


@click.command("import")
@click.argument("files", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option("--assays", type=FILE, help="The assay table: samples, drill holes, depths, targets.")
@click.option(
    "--column",
    "columns",
    metavar="NAME=COLUMN[:UNIT]",
    multiple=True,
    help="Which column of the assay table holds a column of the schema, such as CuPPM=Cu_pct; repeatable.",
)
@click.option(
    "--content-unit",
    type=click.Choice(["pct", "g/kg", "ppm", "ppb"]),
    help="Unit of all assays whose column states none.",
)
@click.option("--depth-unit", type=click.Choice(["m", "cm", "mm", "ft"]), help="Unit of the depths.  [default: m]")
@click.option("--out", type=FILE, required=True, help="The data file to write, .csv.gz.")
@reading_options
@click.option("--like", type=FILE, help="A data file whose channels the new file is to have.")
@click.option("--only-listed", is_flag=True, help="Ignore samples that are not in the assay table.")
@click.option("--keep-going", is_flag=True, help="Skip files that cannot be imported, and import the rest.")
@click.option("--force", is_flag=True, help="Replace an existing file.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def import_(
    files: tuple[Path, ...],
    out: Path,
    force: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Convert spectra and assays to the challenge's schema.

    FILES are Bruker OPUS files, text files of two columns (wavenumber, value), tables with one spectrum per line,
    folders of such files, and patterns. Without --assays, the table of spectra can also contain the assays.

    Columns of the assay table are recognised by their names, such as SampleID, hole, from, to, Cu_ppm or Fe2O3 (%), and
    converted to the schema's units. --column chooses a column, and can state its unit: --column AlPPM=Al_tot:g/kg.

    --block is absorbance, atr, log-reflectance, reflectance or transmittance (the last two with --convert), or
    single-channel, which computes absorbance from the sample's and the reference's; absorbance:2 is the second of its
    kind.

    --name is a regular expression that matches a whole file name, with the groups (?P<sample>...) and, where there are
    replicates, (?P<replicate>...).

    Columns whose unit seems to differ from the schema's are reported as "bad" and written as they are.

    Exit status: 0 everything was imported, 1 some or all of it was not (stderr has a line per problem), 2 wrong use.

    \b
    Example:
      python -m recore import spectra/ --assays assays.csv \\
        --replicates mean --out data/public/public.csv.gz
      python -m recore import spectra/ --assays new.csv --replicates mean \\
        --like data/public/public.csv.gz --only-listed \\
        --out data/private/private.csv.gz
      python -m recore import spectra/ --assays lab.csv --content-unit pct \\
        --column CuPPM=Cu_ICP:ppm --depth-unit cm --out data/lab.csv.gz
    """
    from recore.dataset import ImportOptions, import_files

    reading = take_reading(options)
    import_options = ImportOptions(files, out, reading=reading, overwrite=force, **options)
    with show_work("import") as advance:
        result = import_files(import_options, advance)
    if as_json:
        click.echo(json.dumps(_as_record(out, result)))
    _print(out, result, as_json)
    raise SystemExit(int(bool(result.problems)))


def _as_record(out: Path, result: "ImportResult") -> dict[str, Any]:
    grid = result.grid
    return {
        "file": str(out) if grid else None,
        "rows": result.rows,
        "spectra": result.spectra,
        "channels": len(grid.names) if grid else 0,
        "first": grid.names[0] if grid else None,
        "last": grid.names[-1] if grid else None,
        "remarks": result.remarks,
        "findings": [
            {"level": "bad", "name": "unit", "text": unit.text, "values": unit.values} for unit in result.suspected
        ],
        "problems": [vars(problem) for problem in result.problems],
    }


def _print(out: Path, result: "ImportResult", as_json: bool) -> None:
    show_remarks(result)
    if result.grid is None:
        show_nothing_written(result)
    elif not as_json:
        spectra = count(result.spectra, "spectrum", "spectra")
        click.echo(f"import: {count(result.rows, 'row')} of {result.grid} from {spectra} in {out}")
