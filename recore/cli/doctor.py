"""`recore doctor`."""

import json
import textwrap
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from recore.doctor.check import Check

ROOT = Path(__file__).parents[2]
WIDTH = 80
INDENT = 18  # columns of a check's level and name
COLOURS = {"ok": "green", "note": "yellow", "fail": "red"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the checks as JSON.")
def doctor(as_json: bool) -> None:
    """Show what this machine has and lacks, what each missing piece costs, and how to get it here.

    Everything is tried rather than guessed, without the network. `ok`: it is there; `note`: `recore run` works without
    it; `fail`: `recore run` cannot work.

    Exit status: 0 `recore run` can work, 1 it cannot.

    \b
    Example:
      python -m recore doctor
      python -m recore doctor --json
    """
    from recore.doctor.check import FAIL
    from recore.doctor.checkup import check_up

    checks = check_up(ROOT, _sandbox_works())
    failed = [check.name for check in checks if check.level == FAIL]
    if as_json:
        click.echo(json.dumps([asdict(check) for check in checks]))
    else:
        for check in checks:
            _show(check)
        click.echo(
            f"doctor: `recore run` cannot work here: {', '.join(failed)}"
            if failed
            else "doctor: all that `recore run` needs is here"
        )
    raise SystemExit(1 if failed else 0)


def _sandbox_works() -> bool:
    from recore.simulator.sandbox import bubblewrap_works

    try:
        return bubblewrap_works()
    except OSError:  # no temporary folder to try it in, which is a check of its own
        return False


def _show(check: "Check") -> None:
    """Print a check: what was found, and below it what that costs and how to fix it."""
    lines = _wrapped(check.found)
    head = f"{click.style(f'{check.level:4}', fg=COLOURS[check.level])}  {check.name:10}  "
    click.echo(head + lines[0])
    for line in [*lines[1:], *_wrapped(check.cost), *(_wrapped(f"Fix: {check.fix}") if check.fix else [])]:
        click.echo(" " * INDENT + line)


def _wrapped(text: str) -> list[str]:
    """Lines that fit beside the names; a path or command that is longer stays whole."""
    return textwrap.wrap(text, WIDTH - INDENT, break_long_words=False, break_on_hyphens=False)
