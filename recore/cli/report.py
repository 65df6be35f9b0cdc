"""`recore report`."""

from pathlib import Path

import click

from recore.cli.findings import show_findings


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--public", type=click.Path(dir_okay=False, path_type=Path), help="The run's public file, if it has moved."
)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def report(folder: Path, public: Path | None, as_json: bool) -> None:
    """Look at a run: scores per target, earlier runs, predictions, steps. Writes report.html into its folder.

    FOLDER is what `recore run` left, of a failed run too. `recore run` makes the report itself; this makes it anew, once
    other runs have come, say.

    \b
    Example:
      python -m recore report runs/first
      python -m recore report runs/first --public moved/public.csv.gz --json
    """
    from recore.report.run.run_report import NAME, write_report

    page = write_report(folder, public)
    show_findings("report", page, folder / NAME, as_json)
