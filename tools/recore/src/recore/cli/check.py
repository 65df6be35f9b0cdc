"""`recore check`: will this submission survive the platform?"""

import re
import sys
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import click

from recore.challenge import challenge
from recore.cli.common import FILE, ISOLATION, show_line
from recore.cli.progress import show_running

if TYPE_CHECKING:
    from recore.check import RuleResult


def codes(text: str) -> list[str]:
    """Return codes of rules, or how codes begin, that are separated by commas."""
    words = [word for word in re.split(r"[,\s]+", text.upper()) if word]
    if not words:
        raise click.BadParameter("at least one code is needed, such as RC102")
    return words


@click.command()
@click.argument("submission", type=click.Path(path_type=Path), default=Path())
@click.option("--list", "list_rules", is_flag=True, help="Print the rules, and check nothing.")
@click.option("--explain", type=codes, multiple=True, help="Print the reason, an example and the fix of rules, or all.")
@click.option("--select", type=codes, multiple=True, help="Only these rules: codes or prefixes, such as RC1,RC203.")
@click.option("--ignore", type=codes, multiple=True, help="Leave these rules out.")
@click.option("--public", type=FILE, help="Data with assays.  [default: data/ of SUBMISSION or here, or a sample]")
@click.option("--isolation", type=ISOLATION, help="Sandbox around jobs.  [default: auto, or required with --for-host]")
@click.option("--source-only", is_flag=True, help="Only rules that read files; the submission is not run.")
@click.option("--thorough", is_flag=True, help="Repeat trainings with many rows, which can take hours.")
@click.option("--for-host", is_flag=True, help="Also report what an untrusted submission tries (RC8).")
@click.option("--format", "kind", type=click.Choice(["text", "json", "github"]), default="text", help="Output format.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON, like --format json.")
@click.option("-v", "--verbose", is_flag=True, help="List the rules that could not be run, with the reasons.")
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
    Each finding has the code of its rule, its place, the reason and the fix; --explain CODE says more about
    a rule. What the source shows comes first, then what jobs on the simulator show, as it is found.

    Exit status: 0 no errors (there may be warnings and notes), 1 an error was found, 2 wrong use.

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
        wanted = list(chain(*explain))
        explained = checks.choose_codes(rules, [] if "ALL" in wanted else wanted, [], for_host=True)
        click.echo(checks.explain([rule for rule in rules if rule.code in explained]))
        return
    chosen = checks.choose_codes(rules, list(chain(*select)), list(chain(*ignore)), for_host)
    kind = "json" if as_json else kind
    if list_rules:
        click.echo(checks.list_rules([rule for rule in rules if rule.code in chosen], kind == "json"))
        return
    source, experiments = checks.SubmissionSource(submission, challenge().targets), None
    if not source_only:
        which = (isolation, not select, for_host, "RC251" in chosen)
        watching = show_running("check")
        experiments = partial(checks.open_experiments, submission, public, *which, show_line, watching, thorough)
    # on a terminal, what is printed goes above the line that shows the progress, and that is on standard error
    stdout = None if sys.stdout.isatty() else sys.stdout

    def show(results: "list[RuleResult]") -> None:
        for line in checks.to_lines(results, submission) if kind == "text" else []:
            click.echo(line, file=stdout)

    results = checks.run_rules(rules, chosen, source, experiments, show)
    if kind == "text":
        click.echo(checks.summarise(results, verbose))
    else:
        click.echo({"json": checks.to_json, "github": checks.to_github}[kind](results, submission))
    raise SystemExit(int(checks.is_negative(results)))
