"""The command that compares variants by assays: compare."""

from pathlib import Path

import click

from recore.cli.common import FILE, FiniteNumber
from recore.cli.production.group import as_json, open_here, production, show_outcome
from recore.cli.progress import show_work


@production.command()
@click.option("--assays", type=FILE, required=True, help="The assays: a CSV or csv.gz.")
@click.option(
    "--difference",
    type=FiniteNumber(1, 50),
    default=10.0,
    show_default=True,
    help="The difference of RMSE, in %, that is worth finding. It determines how many more samples are asked for.",
)
@click.option(
    "--confidence",
    type=FiniteNumber(50, 99),
    default=95.0,
    show_default=True,
    help="Confidence level, in %, of all intervals together.",
)
@click.option(
    "--no-requests", is_flag=True, help="Send no requests: compare only samples that both variants predicted."
)
@click.option("--out", type=FILE, help="Write the table of all targets to this CSV.")
@as_json
def compare(
    assays: Path,
    difference: float,
    confidence: float,
    no_requests: bool,
    out: Path | None,
    as_json: bool,
) -> None:
    """Compare the variants of the endpoint on assays that have arrived.

    Assays are joined to captured predictions by the column InferenceId, or by SiteID, DepthFrom and DepthTo. Captured
    requests are sent again to the variants that have not received them, so that all variants are compared on the same
    samples; the inference ids of these requests begin with "compare-". Those whose responses are not captured yet are
    sent again by the next run. Each variant is compared with the one that has the largest weight.

    The confidence level holds for one look at the data: compare again when as many samples have arrived as were asked
    for, not after every few.

    \b
    Example:
      python -m recore production compare --assays assays.csv
    """
    from recore.production.live_comparison import ComparisonSettings, compare_endpoint
    from recore.production.written_files import check_target

    if out:
        check_target(out, assays, "the table would replace the assays")
    settings = ComparisonSettings(difference / 100, confidence / 100, not no_requests, out)
    with open_here() as project, show_work("compare") as advance:
        outcome = compare_endpoint(project, assays, settings, advance)
    show_outcome(outcome, as_json)
