"""`recore explore`."""

from pathlib import Path

import click


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
    from rich.console import Console
    from rich.progress import Progress

    from recore.pipeline.text import plain
    from recore.report.explore import STEPS
    from recore.report.explore import explore as look
    from recore.report.writing import check_place, findings_json, write_page

    check_place(out)
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task("explore", total=STEPS)
        page = look(file, private, lambda step: progress.update(task, advance=1, description=f"explore: {step}"))
        write_page(page, out)
    if as_json:
        click.echo(findings_json(page.findings))
    else:
        for finding in page.findings:
            click.echo(f"{finding.level:4}  {plain(finding.text, 2000)}")
        click.echo(f"explore: {out}, its numbers in {out.with_suffix('')}")
