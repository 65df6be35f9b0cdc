"""Shows a run's progress: on a terminal one changing line per step, elsewhere a line when a step begins or ends."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from recore.pipeline.jobs import END_STATES
from recore.pipeline.step import Step

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

# for a step's state: its mark, its mark in ASCII, and the style of the state
MARKS = {
    "Waiting": ("\N{MIDDLE DOT}", ".", "dim"),
    "Completed": ("\N{CHECK MARK}", "+", "green"),
    "Failed": ("\N{BALLOT X}", "x", "red"),
    "Stopped": ("\N{BALLOT X}", "x", "yellow"),
}


@contextmanager
def show_progress(steps: list[Step], console: "Console", ascii_only: bool = False) -> Iterator[Callable[[Step], None]]:
    """Show steps while the context lasts. Yields a function to call with each step that changes."""
    if not console.is_terminal:
        yield lambda step: _print_change(step, console)
        return
    from rich.live import Live
    from rich.spinner import Spinner
    from rich.table import Table

    spinner = Spinner("line" if ascii_only else "dots")

    def make_table() -> "Table":
        table = Table.grid(padding=(0, 2))
        for step in steps:
            sign: Spinner | str = spinner
            state, style = _state_in_words(step.state), "bold"
            if step.state in MARKS:
                mark, ascii_mark, style = MARKS[step.state]
                sign, state = ascii_mark if ascii_only else mark, step.state
            table.add_row(sign, step.name, f"[{style}]{state}[/]", _seconds(step), _memory(step))
        return table

    with Live(get_renderable=make_table, console=console, refresh_per_second=8):
        yield lambda step: None


def _print_change(step: Step, console: "Console") -> None:
    """Print a line, in ASCII, when a step begins, is stopped or ends."""
    if step.state == "InProgress":
        change = "started"
    elif step.state == "Stopping":
        change = "stopping"
    elif step.state in END_STATES and step.seconds is not None:
        change = ", ".join(filter(None, [step.state.lower(), _seconds(step), _memory(step)]))
    else:
        return
    console.print(f"{step.name}: {change}", markup=False, highlight=False, soft_wrap=True)


def _state_in_words(state: str) -> str:
    """A state of the API in words: InProgress becomes In progress."""
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in state).strip().capitalize()


def _seconds(step: Step) -> str:
    return "" if step.elapsed is None else f"{step.elapsed:.1f} s"


def _memory(step: Step) -> str:
    return "" if step.memory is None else f"memory {step.memory:.1f} %"
