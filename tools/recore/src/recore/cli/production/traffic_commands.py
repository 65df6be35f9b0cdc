"""Commands that evaluate clients' requests: compare, monitor."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from recore.cli.common import FILE, FiniteNumber
from recore.cli.production.group import as_json, open_here, production, show_outcome
from recore.cli.progress import show_work


def percent_option(name: str, low: float, high: float, default: float, help_text: str) -> Callable[[Any], Any]:
    return click.option(name, type=FiniteNumber(low, high), default=default, show_default=True, help=help_text)


@production.command()
@click.option("--assays", type=FILE, required=True, help="Assays, as CSV or csv.gz.")
@percent_option(
    "--difference",
    1,
    50,
    10.0,
    "Difference in RMSE worth detecting, in %. It determines how many more samples are needed.",
)
@percent_option("--confidence", 50, 99, 95.0, "Joint confidence level of all intervals, in %.")
@click.option(
    "--no-requests", is_flag=True, help="Send no requests; compare only samples that both variants predicted."
)
@click.option("--out", type=FILE, help="CSV file to write, with a row for each target.")
@as_json
def compare(
    assays: Path, difference: float, confidence: float, no_requests: bool, out: Path | None, as_json: bool
) -> None:
    """Compare the variants of the endpoint on newly measured assays.

    Assays are joined to captured predictions by the column InferenceId, or by the IDs. Captured requests are resent to
    the variants that have not received them, so that all variants are compared on the same samples; the inference ids
    of resent requests begin with "compare-". A request whose response has not been captured yet is resent by the next
    run. Each variant is compared with the variant that has the largest weight.

    The confidence level holds for a single look at the data: compare again only when the required number of samples has
    arrived.

    \b
    Example:
      python -m recore production compare --assays assays.csv
    """
    from recore.production.batch_predictions import check_destination
    from recore.production.live_comparison import compare_endpoint

    if out:
        check_destination(out, assays, "the table would replace the assays")
    with open_here() as project, show_work("compare") as advance:
        outcome = compare_endpoint(
            project,
            assays,
            advance,
            difference=difference / 100,
            confidence=confidence / 100,
            send_requests=not no_requests,
            out=out,
        )
    show_outcome(outcome, as_json)


@production.command()
@click.argument("endpoint", required=False)
@click.option("--version", type=click.IntRange(1), help="Compare with this version.  [default: the one in use]")
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M"]),
    help="Use only requests since this time (UTC).  [default: when the endpoint's configuration was created]",
)
@percent_option("--false-alarms", 0.01, 50, 5.0, "Probability of a false alarm over all tests, in %.")
@click.option("--complete", is_flag=True, help="Test all drill holes now, without waiting for more samples.")
@click.option("--alarm", is_flag=True, help="Send the result to CloudWatch, and create an alarm.")
@click.option("--out", type=FILE, default=Path("runs/monitor.html"), show_default=True, help="HTML report to write.")
@as_json
def monitor(
    endpoint: str | None,
    version: int | None,
    since: datetime | None,
    false_alarms: float,
    complete: bool,
    alarm: bool,
    out: Path,
    as_json: bool,
) -> None:
    """Test whether new spectra still resemble the training spectra.

    Reads clients' requests to ENDPOINT, by default the setting ENDPOINT_NAME, compares them with the training data of
    the version in use, and writes an HTML report. The test may be repeated at any time. A drill hole is tested when 20
    of its samples have arrived, or 24 hours after its latest sample. Samples without a drill hole count as one hole per
    day.

    --alarm creates the alarm ENDPOINT-VERSION-drift; `update --alarm` rolls back if it fires.

    Exit status: 0 no drift, 1 drift, 2 usage error, or nothing to test.

    \b
    Example:
      python -m recore production monitor
      python -m recore production monitor core-assays --alarm --out monitor.html
      python -m recore production monitor --since 2026-11-02T14:30
    """
    from recore.production.monitoring import MonitorSettings, format_monitoring, monitor_endpoint, send_alarm
    from recore.production.project_state import read_state
    from recore.report import check_report_path, drift_page, write_page

    check_report_path(out)
    settings = MonitorSettings(version, since and since.replace(tzinfo=UTC), false_alarms / 100, complete)
    with open_here() as project, show_work("monitor") as advance:
        if endpoint:
            project = replace(project, settings=replace(project.settings, endpoint_name=endpoint))
        monitoring = monitor_endpoint(project, settings, advance)
        state = read_state(project)
        outcome = format_monitoring(monitoring, state)
        if alarm:
            outcome = send_alarm(project, monitoring, state, outcome)
        if endpoint:  # other commands use the endpoint of the settings
            words = outcome.next_command.partition(" ")
            next_command = f"monitor {endpoint} {words[2]}" if words[0] == "monitor" else ""
            outcome = replace(outcome, next_command=next_command)
        write_page(drift_page(monitoring), out)
    outcome.lines.append(f"report: {out}; its data are in {out.with_suffix('')}")
    show_outcome(outcome, as_json)
    if monitoring.drift.alarm is not None:
        raise SystemExit(1)
