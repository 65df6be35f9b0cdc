"""`recore doctor`."""

import json
import textwrap
from dataclasses import asdict

import click

from recore.distribution import TEMPLATE
from recore.doctor import FAIL, Check

WIDTH = 80
INDENT = 18  # columns for the level and the name of a check
COLOURS = {"ok": "green", "note": "yellow", "fail": "red"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the checks as JSON.")
def doctor(as_json: bool) -> None:
    """Check whether this machine has what `recore run` needs.

    The checks do not use the network. Each one says what a missing component costs and how to install it here.
    `ok`: present; `note`: missing, but `recore run` works without it; `fail`: `recore run` cannot work.

    Exit status: 0 `recore run` can work, 1 it cannot.

    \b
    Example:
      python -m recore doctor
      python -m recore doctor --json
    """
    from recore.doctor import check_up
    from recore.places import sandbox_works

    checks = check_up(TEMPLATE, sandbox_works())
    failed = [check.name for check in checks if check.level == FAIL]
    if as_json:
        click.echo(json.dumps([asdict(check) for check in checks]))
    else:
        for check in checks:
            _show(check)
        if failed:
            click.echo(f"doctor: `recore run` cannot work here: {', '.join(failed)}")
        else:
            click.echo("doctor: everything that `recore run` needs is here")
    raise SystemExit(1 if failed else 0)


def _show(check: Check) -> None:
    """Print the result of a check, and below it the cost and the fix; a long path or command stays in one piece."""
    texts = [check.result, check.cost, f"Fix: {check.fix}" if check.fix else ""]
    wrapper = textwrap.TextWrapper(WIDTH - INDENT, break_long_words=False, break_on_hyphens=False)
    lines = [line for text in texts for line in wrapper.wrap(text)]
    head = f"{click.style(f'{check.level:4}', fg=COLOURS[check.level])}  {check.name:10}  "
    click.echo(head + f"\n{' ' * INDENT}".join(lines))
