"""Commands for the endpoint: deploy, invoke, update, rollback, delete."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recore.challenge import challenge
from recore.cli.common import FILE, add_options, ask, show_line
from recore.cli.production.group import as_json, open_here, production, show_outcome
from recore.cli.progress import show_work
from recore.distribution import PROGRAM
from recore.text import plain

if TYPE_CHECKING:
    from recore.production.invocation import SampleResponse

SHOWN = 3  # assays printed per sample without --json, those with the highest weights
variant_option = click.option(
    "--variant",
    "variants",
    multiple=True,
    metavar="NAME=VERSION[:WEIGHT]",
    help="A variant to serve; repeat the option to split requests by weight.",
)


# options of commands that shift traffic
strategy_options = add_options(
    click.option(
        "--strategy",
        "kind",
        type=click.Choice(["all-at-once", "canary", "linear"]),
        default="all-at-once",
        help="How to shift traffic to the new instances.",
    ),
    click.option(
        "--step",
        type=click.IntRange(1, 50),
        default=10,
        help="Percentage of traffic for the canary or each linear step.",
    ),
    click.option("--interval", type=click.IntRange(0, 3600), default=60, help="Seconds between steps."),
    click.option("--alarm", "alarms", multiple=True, metavar="NAME", help="CloudWatch alarm that triggers a rollback."),
)


@contextmanager
def report_interrupt(operation: str) -> Iterator[None]:
    """If the body of the `with` statement is interrupted, print that the operation continues without this command."""
    try:
        yield
    except KeyboardInterrupt:
        fix = "run the same command to wait, or `delete --endpoint` to stop it"
        show_line(f"interrupted; {operation} continues if it has started: {fix}")
        raise


@production.command()
@variant_option
@as_json
def deploy(variants: tuple[str, ...], as_json: bool) -> None:
    """Create an endpoint that serves one or more versions.

    By default, it serves the latest approved version as variant A. Requests and responses are captured on S3. Ctrl-C
    does not stop the creation of the endpoint: repeat the command to wait for it, or run `delete --endpoint`.

    \b
    Example:
      python -m recore production deploy
      python -m recore production deploy --variant A=1:9 --variant B=2:1
    """
    from recore.production.endpoints import choose_variants
    from recore.production.endpoints import deploy as create_endpoint

    with open_here() as project, show_work("deploy") as advance, report_interrupt("the creation of the endpoint"):
        outcome = create_endpoint(project, choose_variants(project, variants), advance)
    show_outcome(outcome, as_json)


@production.command()
@click.argument("version", type=click.IntRange(1), required=False)
@variant_option
@strategy_options
@as_json
def update(version: int | None, variants: tuple[str, ...], as_json: bool, **strategy: Any) -> None:
    """Replace the versions that the endpoint serves, without losing requests.

    By default, VERSION, or the latest approved one, becomes variant A. New instances start before old ones stop.
    Traffic is shifted all at once, in two parts (canary), or in several steps (linear).

    \b
    Example:
      python -m recore production update 2
      python -m recore production update 2 --strategy canary --step 25
      python -m recore production update --variant A=1:5 --variant B=2:5
    """
    from recore.production.endpoints import Strategy, choose_variants
    from recore.production.endpoints import update as update_endpoint

    if version and variants:
        raise click.UsageError("VERSION and --variant cannot be combined")
    with open_here() as project, show_work("update") as advance, report_interrupt("the update"):
        new_variants = choose_variants(project, [f"A={version}"] if version else variants)
        outcome = update_endpoint(project, new_variants, Strategy(**strategy), advance)
    show_outcome(outcome, as_json)


@production.command()
@strategy_options
@as_json
def rollback(as_json: bool, **strategy: Any) -> None:
    """Restore the versions that the endpoint served before its last update.

    \b
    Example:
      python -m recore production rollback
    """
    from recore.production.endpoints import Strategy
    from recore.production.endpoints import rollback as roll_back

    with open_here() as project, show_work("rollback") as advance, report_interrupt("the rollback"):
        outcome = roll_back(project, Strategy(**strategy), advance)
    show_outcome(outcome, as_json)


@production.command()
@click.argument("file", type=FILE)
@click.option("--rows", type=click.IntRange(1), help="Send only this many rows.")
@click.option("--variant", metavar="NAME", help="Variant that handles the requests.  [default: chosen by weight]")
@as_json
def invoke(file: Path, rows: int | None, variant: str | None, as_json: bool) -> None:
    """Send each sample of a data file to the endpoint separately.

    FILE contains raw spectra in the challenge's schema. Responses contain all assays with units, expected errors and
    flags; --json prints the responses, one per line. The inference id of a request is the row's index. Samples that the
    model rejects are listed on stderr.

    Exit status: 0 success, 1 the endpoint or the model rejected a sample, 2 usage error or invalid input.

    \b
    Example:
      python -m recore production invoke data/private/private.csv.gz --rows 3
    """
    from recore.production.batch_predictions import PredictedSamples
    from recore.production.invocation import count_rows, invoke_file, suggest_after_invoke

    total = count_rows(file)
    if not total:
        raise ValueError(f"{file}: the file has a header but no rows")
    total = min(total, rows or total)
    samples, rejected, has_errors = PredictedSamples(), 0, False
    with open_here() as project, show_work("invoke") as advance:
        for response in invoke_file(project, file, rows, variant, lambda number: advance("sending", number, total)):
            if response.problem:
                rejected += 1
                click.echo(plain(f"recore: {response.problem}", 2000), err=True)
                continue
            domain = response.prediction["domain"]
            samples.rows += 1
            samples.unknown += domain is None
            samples.outside += domain is not None and not domain["inside"]
            assays = response.prediction["assays"]
            has_errors |= any(assays[name]["expected_error"] is not None for name in _choose_targets(response))
            record = {"variant": response.variant, **response.prediction}
            line = json.dumps(record) if as_json else plain(_line(response))
            click.echo(line)
        next_command = "" if as_json or rejected else suggest_after_invoke(project)
    if has_errors and not as_json:
        click.echo("+- is the expected error: the RMSE of held-out predictions with similar values")
    if samples.rows and not as_json:
        click.echo(samples.format_domain())
    if next_command:
        click.echo(f"next: {PROGRAM} production {next_command}")
    if rejected:
        raise SystemExit(1)


@production.command()
@click.option("--endpoint", is_flag=True, help="Delete the endpoint and its configurations.")
@click.option("--version", type=click.IntRange(1), help="Delete a version that is not being served.")
@click.option("--all", "delete_all", is_flag=True, help="Delete everything, including the pipeline and S3 objects.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@as_json
def delete(endpoint: bool, version: int | None, delete_all: bool, yes: bool, as_json: bool) -> None:
    """Delete the endpoint, a version, or everything.

    --all lists everything that will be deleted, and asks for confirmation.

    \b
    Example:
      python -m recore production delete --endpoint
      python -m recore production delete --all
      python -m recore production delete --all --yes
    """
    from recore.production import deletion
    from recore.production.endpoints import delete_endpoint

    if sum((endpoint, bool(version), delete_all)) != 1:
        raise click.UsageError("choose one of --endpoint, --version and --all")
    with open_here() as project:
        if delete_all and not yes and (contents := deletion.list_deletable(project)):
            _confirm(contents)
        with show_work("delete") as advance:
            if version:
                outcome = deletion.delete_version(project, version)
            elif delete_all:
                outcome = deletion.delete_all(project, advance)
            else:
                outcome = deletion.deletion_outcome(delete_endpoint(project, advance), "there is no endpoint")
    show_outcome(outcome, as_json)


def _confirm(contents: list[str]) -> None:
    shown = plain(", ".join(contents), 2000)
    if not sys.stdin.isatty():
        raise ValueError(f"delete --all would delete {shown}: add --yes to confirm")
    if not ask(f"delete {shown}?"):
        show_line("nothing was deleted")
        raise SystemExit(1)


def _line(response: "SampleResponse") -> str:
    domain = response.prediction["domain"]
    location = "domain unknown" if domain is None else "inside the domain" if domain["inside"] else "outside the domain"
    shown = [f"{name} {_format_assay(response.prediction['assays'][name])}" for name in _choose_targets(response)]
    return f"{response.index}, variant {response.variant}, {location}: {', '.join(shown)}"


def _choose_targets(response: "SampleResponse") -> list[str]:
    weights = challenge().weights
    return sorted(response.prediction["assays"], key=lambda name: -weights.get(name, 0.0))[:SHOWN]


def _format_assay(assay: dict[str, Any]) -> str:
    if assay["value"] is None:
        return "not predicted"
    error = "" if assay["expected_error"] is None else f" +- {assay['expected_error']:.3g}"
    return f"{assay['value']:.4g}{error} {assay['unit']}"
