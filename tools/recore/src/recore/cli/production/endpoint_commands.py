"""The commands for the endpoint: deploy, invoke, update, rollback, delete."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recore.challenge import challenge
from recore.cli.common import FILE, add_options, show_line
from recore.cli.production.group import as_json, open_here, production, show_outcome
from recore.cli.progress import show_work
from recore.text import plain

if TYPE_CHECKING:
    from recore.production.invoking import SampleAnswer

SHOWN = 3  # assays of each sample, those with the largest weights, without --json
variant_option = click.option(
    "--variant",
    "variants",
    multiple=True,
    metavar="NAME=VERSION[:WEIGHT]",
    help="A variant; several share the requests.",
)


# those of the commands that move traffic
strategy_options = add_options(
    click.option(
        "--strategy",
        "kind",
        type=click.Choice(["all-at-once", "canary", "linear"]),
        default="all-at-once",
        help="How the requests are moved to the new instances.",
    ),
    click.option("--step", type=click.IntRange(1, 50), default=10, help="Percent moved first, or at a time."),
    click.option("--interval", type=click.IntRange(0, 3600), default=60, help="Seconds between two steps."),
    click.option("--alarm", "alarms", multiple=True, metavar="NAME", help="CloudWatch alarm that rolls back."),
)


@contextmanager
def goes_on(what: str) -> Iterator[None]:
    """Say after an interrupt what goes on without this command."""
    try:
        yield
    except KeyboardInterrupt:
        show_line(f"interrupted: if it was begun, {what}: the same command waits for it, `delete --endpoint` ends it")
        raise


@production.command()
@variant_option
@as_json
def deploy(variants: tuple[str, ...], as_json: bool) -> None:
    """Make an endpoint that serves one or several versions.

    By default it serves the latest approved version as variant A. Requests and answers are captured on S3. Ctrl-C does
    not end the making of the endpoint: the same command waits for it, and `delete --endpoint` deletes it.

    \b
    Example:
      python -m recore production deploy
      python -m recore production deploy --variant A=1:9 --variant B=2:1
    """
    from recore.production.endpoints import choose_variants
    from recore.production.endpoints import deploy as make_endpoint

    with open_here() as project, show_work("deploy") as advance, goes_on("the endpoint is still being made"):
        outcome = make_endpoint(project, choose_variants(project, variants), advance)
    show_outcome(outcome, as_json)


@production.command()
@click.argument("version", type=click.IntRange(1), required=False)
@variant_option
@strategy_options
@as_json
def update(version: int | None, variants: tuple[str, ...], as_json: bool, **strategy: Any) -> None:
    """Replace what the endpoint serves, without a request lost.

    By default VERSION, or the latest approved one, becomes variant A. New instances start first and the old ones end
    last; requests move all at once, a part first (canary), or step by step (linear).

    \b
    Example:
      python -m recore production update 2
      python -m recore production update 2 --strategy canary --step 25
      python -m recore production update --variant A=1:5 --variant B=2:5
    """
    from recore.production.endpoints import Strategy, choose_variants
    from recore.production.endpoints import update as update_endpoint

    if version and variants:
        raise click.UsageError("VERSION and --variant exclude each other")
    with open_here() as project, show_work("update") as advance, goes_on("the update goes on"):
        chosen = choose_variants(project, [f"A={version}"] if version else variants)
        outcome = update_endpoint(project, chosen, Strategy(**strategy), advance)
    show_outcome(outcome, as_json)


@production.command()
@strategy_options
@as_json
def rollback(as_json: bool, **strategy: Any) -> None:
    """Return the endpoint to what it served before its last update.

    \b
    Example:
      python -m recore production rollback
    """
    from recore.production.endpoints import Strategy
    from recore.production.endpoints import rollback as roll_back

    with open_here() as project, show_work("rollback") as advance, goes_on("the roll back goes on"):
        outcome = roll_back(project, Strategy(**strategy), advance)
    show_outcome(outcome, as_json)


@production.command()
@click.argument("file", type=FILE)
@click.option("--rows", type=click.IntRange(1), help="Only the first rows.")
@click.option("--variant", metavar="NAME", help="The variant that answers.  [default: by the weights]")
@as_json
def invoke(file: Path, rows: int | None, variant: str | None, as_json: bool) -> None:
    """Send samples of a data file to the endpoint, one request each.

    FILE holds raw spectra in the challenge's schema. The answers have all assays with unit, expected error and
    flags: --json prints them, a line for each sample. The inference id of a request is the row's index. stderr names
    the samples that the model refuses.

    Exit status: 0 success, 1 the endpoint or the model refused a sample, 2 wrong use or invalid input.

    \b
    Example:
      python -m recore production invoke data/private/private.csv.gz --rows 3
    """
    from recore.production.batch_predictions import PredictedSamples
    from recore.production.invoking import count_rows, invoke_file

    total = count_rows(file)
    if not total:
        raise ValueError(f"{file}: a header but no rows")
    total = min(total, rows or total)
    samples, refused, has_errors = PredictedSamples(), 0, False
    with open_here() as project, show_work("invoke") as advance:
        for answer in invoke_file(project, file, rows, variant, lambda number: advance("sending", number, total)):
            if answer.problem:
                refused += 1
                click.echo(plain(f"recore: {answer.problem}", 2000), err=True)
                continue
            domain = answer.prediction["domain"]
            samples.rows += 1
            samples.unknown += domain is None
            samples.outside += domain is not None and not domain["inside"]
            assays = answer.prediction["assays"]
            has_errors |= any(assays[name]["expected_error"] is not None for name in _shown(answer))
            line = json.dumps({"variant": answer.variant, **answer.prediction}) if as_json else plain(_line(answer))
            click.echo(line)
    if has_errors and not as_json:
        click.echo("+- is the expected error: the root mean square error of held-out predictions of that content")
    if samples.rows and not as_json:
        click.echo(samples.describe_domain())
    if refused:
        raise SystemExit(1)


@production.command()
@click.option("--endpoint", is_flag=True, help="The endpoint and its configurations.")
@click.option("--version", type=click.IntRange(1), help="A version that is not served.")
@click.option("--all", "everything", is_flag=True, help="Everything, with the pipeline and the objects on S3.")
@click.option("--yes", is_flag=True, help="Delete everything without a question.")
@as_json
def delete(endpoint: bool, version: int | None, everything: bool, yes: bool, as_json: bool) -> None:
    """Delete the endpoint, a version, or everything.

    --all shows what there is, and asks whether to delete it.

    \b
    Example:
      python -m recore production delete --endpoint
      python -m recore production delete --all
      python -m recore production delete --all --yes
    """
    from recore.production.deleting import delete_all, delete_version, describe_all, describe_deleted
    from recore.production.endpoints import delete_endpoint

    if sum((endpoint, bool(version), everything)) != 1:
        raise click.UsageError("choose one of --endpoint, --version and --all")
    with open_here() as project:
        if everything and not yes and (contents := describe_all(project)):
            _confirm(contents)
        with show_work("delete") as advance:
            if version:
                outcome = delete_version(project, version)
            elif everything:
                outcome = delete_all(project, advance)
            else:
                outcome = describe_deleted(delete_endpoint(project, advance), "there is no endpoint")
    show_outcome(outcome, as_json)


def _confirm(contents: list[str]) -> None:
    shown = plain(", ".join(contents), 2000)
    if not sys.stdin.isatty():
        raise ValueError(f"delete --all would delete {shown}: add --yes to delete this without a question")
    click.echo(f"delete {shown}? [y/N] ", nl=False, err=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        show_line("nothing was deleted")
        raise SystemExit(1)


def _line(answer: "SampleAnswer") -> str:
    domain = answer.prediction["domain"]
    place = "domain unknown" if domain is None else "inside the domain" if domain["inside"] else "outside the domain"
    shown = [f"{name} {_with_error(answer.prediction['assays'][name])}" for name in _shown(answer)]
    return f"{answer.index}, variant {answer.variant}, {place}: {', '.join(shown)}"


def _shown(answer: "SampleAnswer") -> list[str]:
    weights = challenge().weights
    return sorted(answer.prediction["assays"], key=lambda name: -weights.get(name, 0.0))[:SHOWN]


def _with_error(assay: dict[str, Any]) -> str:
    if assay["value"] is None:
        return "not predicted"
    error = "" if assay["expected_error"] is None else f" +- {assay['expected_error']:.3g}"
    return f"{assay['value']:.4g}{error} {assay['unit']}"
