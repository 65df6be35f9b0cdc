"""`recore check`: find what would make a submission fail on the platform."""

import re
import sys
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recore.challenge import challenge
from recore.cli.common import FILE, ISOLATION, require_submission, show_line
from recore.cli.progress import show_running

if TYPE_CHECKING:
    from recore.check import RuleResult


def parse_codes(value: str) -> list[str]:
    """Parse a comma-separated list of rule codes or prefixes."""
    codes = [code for code in re.split(r"[,\s]+", value.upper()) if code]
    if not codes:
        raise click.BadParameter("specify at least one code, such as RC102")
    return codes


CODES: dict[str, Any] = {"type": parse_codes, "multiple": True, "metavar": "CODES"}


@click.command()
@click.argument("submission", type=click.Path(path_type=Path), default=Path())
@click.option("--list", "list_rules", is_flag=True, help="Print the rules and exit.")
@click.option("--explain", **CODES, help="Explain rules, or all: reason, example and fix.")
@click.option("--select", **CODES, help="Apply only rules with these codes or prefixes, such as RC1,RC203.")
@click.option("--ignore", **CODES, help="Skip these rules.")
@click.option("--public", type=FILE, help="Data with assays.  [default: from data/ in SUBMISSION or here, or a sample]")
@click.option("--isolation", type=ISOLATION, help="Sandbox for jobs.  [default: auto, or required with --for-host]")
@click.option("--source-only", is_flag=True, help="Apply only rules that read files; do not run the submission.")
@click.option("--thorough", is_flag=True, help="Repeat training with many rows, which can take hours.")
@click.option("--for-host", is_flag=True, help="Also report suspicious actions of the submission (RC8).")
@click.option("--format", "kind", type=click.Choice(["text", "json", "github"]), default="text", help="Output format.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON, like --format json.")
@click.option("-v", "--verbose", is_flag=True, help="List the rules that could not be run, with reasons.")
def check(
    submission: Path,
    list_rules: bool,
    explain: tuple[list[str], ...],
    select: tuple[list[str], ...],
    ignore: tuple[list[str], ...],
    public: Path | None,
    isolation: str | None,
    source_only: bool,
    thorough: bool,
    for_host: bool,
    kind: str,
    as_json: bool,
    verbose: bool,
) -> None:
    """Find what would make a submission fail on the platform.

    SUBMISSION is a folder with setup.py, by default the current one, or the src.tar.gz that `unearthed build` writes.
    Each finding has a rule code, a location, a reason and a fix; --explain CODE explains a rule. Findings in the source
    come first, then findings from jobs on the simulator, as they arrive.

    Exit status: 0 no errors (there may be warnings and notes), 1 an error was found, 2 usage error.

    \b
    Example:
      python -m recore check
      python -m recore check ../theirs --source-only --ignore RC206
      python -m recore check --select RC2 --format github
      python -m recore check --explain RC304,RC305
    """
    from recore import check as checks

    rules = checks.load_catalogue()
    if explain:
        requested = list(chain(*explain))
        explained = checks.choose_codes(rules, [] if "ALL" in requested else requested, [], for_host=True)
        click.echo(checks.explain([rule for rule in rules if rule.code in explained]))
        return
    codes = checks.choose_codes(rules, list(chain(*select)), list(chain(*ignore)), for_host)
    kind = "json" if as_json else kind
    if list_rules:
        click.echo(checks.list_rules([rule for rule in rules if rule.code in codes], kind == "json"))
        return
    require_submission(submission)
    source, experiments = checks.SubmissionSource(submission, challenge().targets), None
    if not source_only:
        scope = (isolation, not select, for_host, "RC251" in codes)
        progress = show_running("check")
        experiments = partial(checks.open_experiments, submission, public, *scope, show_line, progress, thorough)
    # on a terminal, findings are printed above the progress line, which is on standard error
    stdout = None if sys.stdout.isatty() else sys.stdout

    def show(results: "list[RuleResult]") -> None:
        for line in checks.to_lines(results, submission) if kind == "text" else []:
            click.echo(line, file=stdout)

    results = checks.run_rules(rules, codes, source, experiments, show)
    if kind == "text":
        click.echo(checks.summarise(results, verbose))
    else:
        click.echo({"json": checks.to_json, "github": checks.to_github}[kind](results, submission))
    raise SystemExit(int(checks.is_negative(results)))
