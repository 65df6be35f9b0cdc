"""`recore explore`."""

from pathlib import Path

import click

from recore.cli.bar import bar
from recore.cli.findings import show_findings


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--private", type=click.Path(dir_okay=False, path_type=Path), help="Private data to compare with it.")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), default=Path("explore.html"), help="The report."
)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def explore(file: Path, private: Path | None, out: Path, as_json: bool) -> None:
    """Check a data file and write an HTML report about it.

    The report covers spectra by hole, components and outliers, near-duplicates, assays and depths with their units,
    correlations, and how far private spectra are from the public ones. Findings are listed with the worst first.

    \b
    Example:
      python -m recore explore data/public/public.csv.gz
      python -m recore explore data/public/public.csv.gz \\
        --private data/private/private.csv.gz --out runs/explore.html
    """
    from recore.report.explore.file_report import STEPS
    from recore.report.explore.file_report import explore as explore_file
    from recore.report.page.page_files import check_place, write_page

    check_place(out)
    with bar() as progress:
        task = progress.add_task("explore", total=STEPS)
        page = explore_file(
            file, private, lambda step: progress.update(task, advance=1, description=f"explore: {step}")
        )
        write_page(page, out)
    show_findings("explore", page, out, as_json)
