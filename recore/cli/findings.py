"""Prints the findings of a report."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from recore.report.page.content import Page


def show_findings(command: str, page: "Page", path: Path, as_json: bool) -> None:
    """Print the findings and the path of the report that `command` wrote."""
    from recore.pipeline.text import plain
    from recore.report.page.page_files import findings_json

    if as_json:
        click.echo(findings_json(page.findings))
        return
    for finding in page.findings:
        click.echo(f"{finding.level:4}  {plain(finding.text, 2000)}")
    click.echo(f"{command}: {path}, its numbers in {path.with_suffix('')}")
