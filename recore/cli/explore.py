"""`recore explore`."""

from pathlib import Path

import click

from recore.cli.bar import bar
from recore.cli.findings import show_findings


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--private", type=click.Path(dir_okay=False, path_type=Path), help="Private data to hold against it.")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), default=Path("explore.html"), help="The report."
)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def explore(file: Path, private: Path | None, out: Path, as_json: bool) -> None:
    """Look at a data file: is it what it should be? Writes an HTML report, and its numbers in a folder beside it.

    Spectra by hole, components and outliers, near-duplicates, assays, depths, correlations, and how far private
    spectra lie from the public ones. What is bad comes first.

    \b
    Example:
      python -m recore explore data/public/public.csv.gz
      python -m recore explore data/public/public.csv.gz --private data/private/private.csv.gz --out runs/explore.html
    """
    from recore.report.explore.file_report import STEPS
    from recore.report.explore.file_report import explore as look
    from recore.report.page.page_files import check_place, write_page

    check_place(out)
    with bar() as progress:
        task = progress.add_task("explore", total=STEPS)
        page = look(file, private, lambda step: progress.update(task, advance=1, description=f"explore: {step}"))
        write_page(page, out)
    show_findings("explore", page, out, as_json)
