"""The results of checks, printed as text or as JSON."""

import json
import textwrap
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

OK = "ok"
NOTE = "note"  # something is missing, but jobs run without it
FAIL = "fail"  # jobs cannot run
WIDTH = 80
INDENT = 18  # columns for the level and the name of a check
COLOURS = {"ok": "green", "note": "yellow", "fail": "red"}


@dataclass(frozen=True)
class Check:
    """The result of a check. cost: the effect of a missing component. fix: how to install it on this system."""

    name: str
    level: str
    result: str
    cost: str = ""
    fix: str = ""


class PipCommand(Protocol):
    def __call__(self, *names: str, extra: str = "") -> str: ...


def show_checks(checks: Sequence[Check], command: str, as_json: bool) -> int:
    """Print checks, and whether a command can work here; return the exit status: 0 if it can, 1 if it cannot."""
    import click  # not at the top: the set-up uses other parts of this package before click is installed

    failed = [check.name for check in checks if check.level == FAIL]
    if as_json:
        click.echo(json.dumps([asdict(check) for check in checks]))
        return 1 if failed else 0
    for check in checks:
        click.echo(_format(check, click.style(f"{check.level:4}", fg=COLOURS[check.level])))
    if failed:
        click.echo(f"doctor: `{command}` will not work here; failed checks: {', '.join(failed)}")
    else:
        click.echo(f"doctor: all requirements of `{command}` are met")
    return 1 if failed else 0


def _format(check: Check, level: str) -> str:
    paragraphs = [check.result, check.cost, f"Fix: {check.fix}" if check.fix else ""]
    wrapper = textwrap.TextWrapper(WIDTH - INDENT, break_long_words=False, break_on_hyphens=False)
    lines = [line for paragraph in paragraphs for line in wrapper.wrap(paragraph)]
    return f"{level}  {check.name:10}  " + f"\n{' ' * INDENT}".join(lines)
