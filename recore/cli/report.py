"""`recore report`."""

from pathlib import Path

import click

from recore.cli.findings import show_findings


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--public", type=click.Path(dir_okay=False, path_type=Path), help="The public data file, if it has moved."
)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def report(folder: Path, public: Path | None, as_json: bool) -> None:
    """Write the report of a run, report.html in its folder.

    FOLDER is the folder of a run, which may have failed. The report shows scores per target, a comparison with earlier
    runs, predictions and steps. `recore run` writes it, too; write it again to compare with other runs.

    \b
    Example:
      python -m recore report runs/first
      python -m recore report runs/first --public moved/public.csv.gz --json
    """
    from recore.report.run.run_report import NAME, write_report

    page = write_report(folder, public)
    show_findings("report", page, folder / NAME, as_json)
