"""A run's progress for people: on a terminal a line a step that lives, elsewhere a line when a step begins and ends."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from recore.pipeline.jobs import OVER, Step

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

# for a step's state: mark where any character can be shown, mark in ASCII, colour
MARKS = {
    "Waiting": ("\N{MIDDLE DOT}", ".", "dim"),
    "Completed": ("\N{CHECK MARK}", "+", "green"),
    "Failed": ("\N{BALLOT X}", "x", "red"),
    "Stopped": ("\N{BALLOT X}", "x", "yellow"),
}


@contextmanager
def shown(steps: list[Step], console: "Console", ascii_only: bool = False) -> Iterator[Callable[[Step], None]]:
    """Show steps while the context lasts; what it gives is to be called with each step that changes."""
    if not console.is_terminal:
        yield lambda step: _tell(step, console)
        return
    from rich.live import Live
    from rich.spinner import Spinner

    spinner = Spinner("line" if ascii_only else "dots")

    def table() -> "Table":
        from rich.table import Table

        made = Table.grid(padding=(0, 2))
        for step in steps:
            mark, plain, style = MARKS.get(step.state, ("", "", ""))
            word = step.state if step.state in MARKS else _words(step.state)
            sign = (plain if ascii_only else mark) or spinner
            made.add_row(sign, step.name, f"[{style or 'bold'}]{word}[/]", _seconds(step), _memory(step))
        return made

    with Live(get_renderable=table, console=console, refresh_per_second=8):
        yield lambda step: None


def _tell(step: Step, console: "Console") -> None:
    """A line, in ASCII as everything here, when a step begins and when it ends."""
    if step.state == "InProgress":
        console.print(f"{step.name}: started", markup=False, highlight=False, soft_wrap=True)
    elif step.state == "Stopping":
        console.print(f"{step.name}: stopping", markup=False, highlight=False, soft_wrap=True)
    elif step.state in OVER and step.seconds is not None:
        said = ", ".join(filter(None, [step.state.lower(), _seconds(step), _memory(step)]))
        console.print(f"{step.name}: {said}", markup=False, highlight=False, soft_wrap=True)


def _words(state: str) -> str:
    """A state as the API spells it, in words: InProgress is in progress."""
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in state).strip().capitalize()


def _seconds(step: Step) -> str:
    return "" if step.elapsed is None else f"{step.elapsed:.1f} s"


def _memory(step: Step) -> str:
    return "" if step.memory is None else f"memory {step.memory:.1f} %"
