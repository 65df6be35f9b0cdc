"""The commands about what clients have sent: compare, monitor."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from recore.cli.common import FILE, FiniteNumber
from recore.cli.production.group import as_json, open_here, production, show_outcome
from recore.cli.progress import show_work


def percent_option(name: str, least: float, most: float, default: float, text: str) -> Callable[[Any], Any]:
    return click.option(name, type=FiniteNumber(least, most), default=default, show_default=True, help=text)


@production.command()
@click.option("--assays", type=FILE, required=True, help="The assays: a CSV or csv.gz.")
@percent_option(
    "--difference",
    1,
    50,
    10.0,
    "The difference of RMSE, in %, that is worth finding. It determines how many more samples are asked for.",
)
@percent_option("--confidence", 50, 99, 95.0, "Confidence level, in %, of all intervals together.")
@click.option(
    "--no-requests", is_flag=True, help="Send no requests: compare only samples that both variants predicted."
)
@click.option("--out", type=FILE, help="Write the table of all targets to this CSV.")
@as_json
def compare(
    assays: Path, difference: float, confidence: float, no_requests: bool, out: Path | None, as_json: bool
) -> None:
    """Compare the variants of the endpoint on assays that have arrived.

    Assays are joined to captured predictions by the column InferenceId, or by the IDs. Captured
    requests are sent again to the variants that have not received them, so that all variants are compared on the same
    samples; the inference ids of these requests begin with "compare-". Those whose responses are not captured yet are
    sent again by the next run. Each variant is compared with the one that has the largest weight.

    The confidence level holds for one look at the data: compare again when as many samples have arrived as were asked
    for, not after every few.

    \b
    Example:
      python -m recore production compare --assays assays.csv
    """
    from recore.production.batch_predictions import check_target
    from recore.production.live_comparison import compare_endpoint

    if out:
        check_target(out, assays, "the table would replace the assays")
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
    help="Count requests from this time (UTC).  [default: as long as the endpoint has served these versions]",
)
@percent_option("--false-alarms", 0.01, 50, 5.0, "The probability, in %, of any false alarm, however often you look.")
@click.option("--complete", is_flag=True, help="Test all drill holes now, and expect no more samples of them.")
@click.option("--alarm", is_flag=True, help="Send the result to CloudWatch, with an alarm.")
@click.option("--out", type=FILE, default=Path("runs/monitor.html"), show_default=True, help="The report.")
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
    """Test whether spectra still look like those of the training.

    Reads what clients sent to ENDPOINT, by default to the setting ENDPOINT_NAME, compares it with what the version in
    use was trained on, and writes an HTML report. The test may be repeated as often as you like. A drill hole counts
    when 20 of its samples have arrived, or none for 24 hours. Samples of an unknown drill hole count as one a day.

    The alarm that --alarm makes is ENDPOINT-VERSION-drift. `update --alarm` rolls back if it goes off.

    Exit status: 0 no drift, 1 drift, 2 wrong use, or nothing to test.

    \b
    Example:
      python -m recore production monitor
      python -m recore production monitor core-assays --alarm --out monitor.html
      python -m recore production monitor --since 2026-11-02T14:30
    """
    from recore.production.monitoring import MonitorSettings, describe_monitoring, monitor_endpoint, send_alarm
    from recore.production.project_state import read_state
    from recore.report import check_place, drift_page, write_page

    check_place(out)
    settings = MonitorSettings(version, since and since.replace(tzinfo=UTC), false_alarms / 100, complete)
    with open_here() as project, show_work("monitor") as advance:
        if endpoint:
            project = replace(project, settings=replace(project.settings, endpoint_name=endpoint))
        found = monitor_endpoint(project, settings, advance)
        state = read_state(project)
        outcome = describe_monitoring(found, state)
        if alarm:
            outcome = send_alarm(project, found, state, outcome)
        if endpoint:  # which other commands do not know
            words = outcome.next_command.partition(" ")
            following = f"monitor {endpoint} {words[2]}" if words[0] == "monitor" else ""
            outcome = replace(outcome, next_command=following)
        write_page(drift_page(found), out)
    outcome.lines.append(f"report: {out}, its numbers in {out.with_suffix('')}")
    show_outcome(outcome, as_json)
    if found.drift.alarm is not None:
        raise SystemExit(1)
