"""`recore report`."""

from pathlib import Path

import click


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
    from recore.pipeline.text import plain
    from recore.report.run import NAME, write_report
    from recore.report.writing import findings_json

    page = write_report(folder, public)
    if as_json:
        click.echo(findings_json(page.findings))
    else:
        for finding in page.findings:
            click.echo(f"{finding.level:4}  {plain(finding.text, 2000)}")
        click.echo(f"report: {folder / NAME}, its numbers in {folder / 'report'}")
