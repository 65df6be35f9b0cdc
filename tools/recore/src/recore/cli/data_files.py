"""The commands that write data files: `recore sample`, `recore split` and `recore import`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recore.challenge import reword
from recore.cli.common import FILE, FOLDER, FiniteNumber, show_json, show_line
from recore.cli.progress import show_work
from recore.cli.spectra_files import reading_options, show_nothing_written, show_remarks, take_reading
from recore.listing import count, list_names

if TYPE_CHECKING:
    from recore.dataset import ImportResult


SHOWN = 3  # target names in a note
FRACTION = FiniteNumber(min=0, max=1, max_open=True)


@click.command()
@click.option("--out", type=FOLDER, required=True, help="Folder for the files.")
@click.option("--rows", type=int, default=1920, help="Number of samples; three in ten are private.")
@click.option("--holes", type=int, default=24, help="Number of drill holes; each is either public or private.")
@click.option("--channels", type=int, default=3651, help="Channels per spectrum, from 4000 to 350 cm-1.")
@click.option("--missing", type=FRACTION, default=0.0, help="Fraction of assays to omit.")
@click.option("--seed", type=int, default=0, help="Random seed.")
@click.option("--force", is_flag=True, help="Replace existing files.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def sample(out: Path, force: bool, as_json: bool, **options: Any) -> None:
    """Write sample data in the challenge's schema.

    Writes public/public.csv.gz with assays, private/private.csv.gz without them, and private/actual.csv.gz with the
    assays of the private rows. The same options produce the same files on every computer. The template's targets are
    computed from the minerals in simulated drill core; any other target is a meaningless mixture of these minerals.

    \b
    Example:
      python -m recore sample --out data
      python -m recore sample --out data/large --rows 20000 --missing 0.03
    """
    from recore.dataset import Plan, make_sample, mixed_targets

    plan = Plan(**options)
    with show_work("sample") as advance:
        done = 0

        def add(rows: int) -> None:
            nonlocal done
            done += rows
            advance("writing rows", done, plan.rows)

        result = make_sample(out, plan, overwrite=force, advance=add)
    if as_json:
        show_json({str(path): {"rows": rows} for path, rows in result.items()})
    else:
        for path, rows in result.items():
            click.echo(f"sample: {rows} rows in {path}")
        if mixed := mixed_targets():
            verb = "is a smooth mixture" if len(mixed) == 1 else "are smooth mixtures"
            purpose = "of the minerals in the spectra, which a model can learn"
            show_line(f"note: {list_names(mixed, SHOWN)} {verb} {purpose}; scores say nothing about your data")


@click.command()
@click.argument("file", type=FILE)
@click.option(
    "--holes",
    "--groups",
    "holes",
    required=True,
    help="Drill holes to make private: a fraction (30% or 0.3) or names (A,B,C).",
)
@click.option("--out", type=FOLDER, default=Path("data"), help="Folder for the files.")
@click.option("--seed", type=click.IntRange(0), default=0, help="Random seed if --holes is a fraction.")
@click.option("--force", is_flag=True, help="Replace existing files.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def split(file: Path, holes: str, out: Path, seed: int, force: bool, as_json: bool) -> None:
    """Split a table into public and private data.

    FILE is a CSV in the challenge's schema, plain or gzipped. Drill holes are never split. Writes public/public.csv.gz
    with assays, private/private.csv.gz without them, and private/actual.csv.gz with the assays of the private rows.
    Numbers are copied unchanged.

    \b
    Example:
      python -m recore split table.csv.gz --holes 30% --out ../host
      python -m recore split table.csv.gz --holes DH-7,DH-12 --out ../host
    """
    from recore.dataset import split_table

    with show_work("split") as advance:
        advance("reading and writing rows", 0, 1)
        done = split_table(file, holes, out, seed, force)
    if done.note:
        show_line(f"note: {file}: {done.note}")
    public, private, actual = done.paths
    if as_json:
        splits = {"public": done.public, "private": done.private}
        files = {"public": str(public), "private": str(private), "actual": str(actual)}
        show_json({"files": files, "rows_by_hole": splits})
        return
    for name, rows, path in (("public", done.public, public), ("private", done.private, private)):
        sizes = f"{count(len(rows), 'drill hole')}, {count(sum(rows.values()), 'row')}"
        click.echo(f"split: {name}: {reword(sizes)} in {path}")
    click.echo(f"split: assays of the private rows in {actual}")
    click.echo(f"{reword('split: private drill holes')}: {list_names(list(done.private), 20)}")


@click.command("import")
@click.argument("files", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option("--assays", type=FILE, help="Assay table: samples, drill holes, depths, targets.")
@click.option(
    "--column",
    "columns",
    metavar="NAME=COLUMN[:UNIT]",
    multiple=True,
    help="Assay column to use for a column of the schema, such as CuPPM=Cu_pct; repeatable.",
)
@click.option(
    "--content-unit",
    type=click.Choice(["pct", "g/kg", "ppm", "ppb"]),
    help="Unit of assays whose columns do not specify one.",
)
@click.option("--depth-unit", type=click.Choice(["m", "cm", "mm", "ft"]), help="Unit of the depths.  [default: m]")
@click.option("--out", type=FILE, required=True, help="Data file to write (.csv.gz).")
@reading_options
@click.option("--like", type=FILE, help="Use the channels of this data file.")
@click.option("--only-listed", is_flag=True, help="Ignore samples that are not in the assay table.")
@click.option("--keep-going", is_flag=True, help="Skip files that cannot be imported, and import the rest.")
@click.option("--force", is_flag=True, help="Replace an existing file.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def import_(files: tuple[Path, ...], out: Path, force: bool, as_json: bool, **options: Any) -> None:
    """Convert spectra and assays to the challenge's schema.

    FILES are Bruker OPUS files, text files with two columns (wavenumber, value), tables with one spectrum per line,
    folders of such files, and patterns. Without --assays, the table of spectra can also contain the assays.

    Columns of the assay table are recognised by their names, such as SampleID, hole, from, to, Cu_ppm or Fe2O3 (%), and
    converted to the schema's units. --column chooses a column, and can specify its unit: --column AlPPM=Al_tot:g/kg.

    --block is absorbance, atr, log-reflectance, reflectance or transmittance (the last two with --convert), or
    single-channel, which computes absorbance from the sample and reference spectra; absorbance:2 is the second
    absorbance block.

    --name is a regular expression that matches the entire file name, with the groups (?P<sample>...) and, for
    replicates, (?P<replicate>...).

    Columns whose units seem to differ from the schema's are reported as "bad" and written unchanged.

    Exit status: 0 everything was imported, 1 something was not (stderr has a line for each problem), 2 usage error.

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
        show_json(_to_record(out, result))
    _print(out, result, as_json)
    raise SystemExit(int(bool(result.problems)))


def _to_record(out: Path, result: "ImportResult") -> dict[str, Any]:
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
            {"level": "bad", "name": "unit", "text": unit.message, "values": unit.values} for unit in result.suspected
        ],
        "problems": [vars(problem) for problem in result.problems],
    }


def _print(out: Path, result: "ImportResult", as_json: bool) -> None:
    show_remarks(result)
    if result.grid is None:
        show_nothing_written(result)
    elif not as_json:
        spectra = count(result.spectra, "spectrum", "spectra")
        click.echo(f"import: wrote {count(result.rows, 'row')} of {result.grid} from {spectra} to {out}")
