"""The progress of long commands on stderr: updated in place on a terminal, otherwise printed as a few lines.

Commands report their progress; only `_changes_in_place` decides how it is shown.
"""

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from recore.listing import list_names
from stagemaker import interrupts

if TYPE_CHECKING:
    from rich.table import Table

    from recore.evaluation import Step

# Seconds until the next line about work in progress: this minimum plus a tenth of the time so far. That is less than 40
# lines in an hour, less than 80 in a day.
MIN_PAUSE, PAUSE_FRACTION = 10.0, 0.1
SHOWN = 3  # steps listed in such a line

# for each state of a step: its mark, its mark in ASCII, and its style
MARKS = {
    "Waiting": ("\N{MIDDLE DOT}", ".", "dim"),
    "Completed": ("\N{CHECK MARK}", "+", "green"),
    "Failed": ("\N{BALLOT X}", "x", "red"),
    "Stopped": ("\N{BALLOT X}", "x", "yellow"),
}


def _changes_in_place() -> bool:
    """Return whether stderr is a terminal that can rewrite a line. Forced colours, as in CI, do not count."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


@contextmanager
def show_work(command: str) -> Iterator[Callable[[str, int, int], None]]:
    """Show the progress of a command whose stages run one after another.

    Yields a function to call with the name of a stage (in ASCII), the amount completed, and the total. In the main
    thread, it raises KeyboardInterrupt after a signal.
    """
    if _changes_in_place():
        from rich.console import Console
        from rich.progress import Progress

        with Progress(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(command, total=None)

            def update(stage: str, done: int, total: int) -> None:
                interrupts.check()
                bar.update(task, completed=done, total=total, description=f"{command}: {stage}")

            yield update
        return
    stage_now, count = "", ""

    def advance(stage: str, done: int, total: int) -> None:
        nonlocal stage_now, count
        interrupts.check()
        count = f", {done:,} of {total:,}" if total > 1 else ""
        if stage != stage_now:
            stage_now = stage
            _print(f"{command}: {stage}")

    with _print_regularly(command, lambda seconds: f"{stage_now}{count}; {seconds:.0f} s so far" if stage_now else ""):
        yield advance


@contextmanager
def show_steps(command: str, steps: "list[Step]", ascii_only: bool = False) -> "Iterator[Callable[[Step], None]]":
    """Show the steps of a command, one per line on a terminal.

    Yields a function to call with each step that changes.
    """
    if not _changes_in_place():
        with _print_steps(command, _format_stages) as watch:
            yield watch
        return
    from rich.console import Console
    from rich.live import Live
    from rich.markup import escape
    from rich.spinner import Spinner
    from rich.table import Table

    spinner = Spinner("line" if ascii_only else "dots")

    def make_table() -> "Table":
        table = Table.grid(padding=(0, 2))
        for step in steps:
            sign: Spinner | str = spinner
            state, style = _describe_state(step.state), "bold"
            if step.state in MARKS:
                mark, ascii_mark, style = MARKS[step.state]
                sign, state = ascii_mark if ascii_only else mark, step.state
            elif step.activity:
                state = step.activity.capitalize()
            table.add_row(sign, step.name, f"[{style}]{escape(state)}[/]", _format_seconds(step), _memory(step))
        return table

    with Live(get_renderable=make_table, console=Console(stderr=True, highlight=False), refresh_per_second=8):
        yield lambda step: None


@contextmanager
def show_running(command: str, every_step: bool = True) -> "Iterator[Callable[[Step], None]]":
    """Show the running steps in one line on a terminal. Yields a function to call with each step that changes.

    every_step: whether to print each change if stderr is not a terminal.
    """
    if not _changes_in_place():
        with _print_steps(command, _format_names, every_step) as watch:
            yield watch
        return
    from rich.console import Console

    running: dict[str, Step] = {}
    with Console(stderr=True, highlight=False).status(f"{command}: starting") as status:

        def watch_status(step: "Step") -> None:
            _update_running(running, step)
            status.update(f"{command}: {', '.join(list(running)) or 'comparing'}")

        yield watch_status


def _update_running(running: "dict[str, Step]", step: "Step") -> None:
    """Add a running step or remove a completed one. Threads share the dictionary, but each changes different keys."""
    if step.seconds is None:
        running[step.name] = step
    else:
        running.pop(step.name, None)


@contextmanager
def _print_steps(
    command: str, describe: "Callable[[list[Step], float], str]", every_step: bool = True
) -> "Iterator[Callable[[Step], None]]":
    """Print a line when a step changes and, at increasing intervals, the line that `describe` returns."""
    running: dict[str, Step] = {}

    def watch(step: "Step") -> None:
        _update_running(running, step)
        if every_step and (change := _change(step)):
            _print(f"{step.name}: {change}")

    with _print_regularly(command, lambda seconds: describe(list(running.values()), seconds)):
        yield watch


def _format_names(running: "list[Step]", seconds: float) -> str:
    names = list_names([step.name for step in running], SHOWN)
    return names and f"{names}; {seconds:.0f} s so far"


def _format_stages(running: "list[Step]", seconds: float) -> str:
    from recore.evaluation import HELD_OUT, STAGES

    running = [step for step in running if not step.name.startswith(HELD_OUT)]
    stages = [stage for stage in STAGES if any(stage == step.name.split()[-1] for step in running)]
    if not stages:
        return _format_names(running, seconds)
    descriptions = []
    for stage in stages:
        steps = [step for step in running if step.name.split()[-1] == stage]
        splits = ", ".join(sorted((step.name.split()[0] for step in steps if step.name != stage), reverse=True))
        activities = [step.activity for step in steps if step.activity]
        description = f"step {STAGES.index(stage) + 1} of {len(STAGES)}, {stage}" + (f" ({splits})" if splits else "")
        descriptions.append(", ".join([description, *activities]))
    elapsed = max(step.elapsed or 0.0 for step in running)
    return f"{'; '.join(descriptions)}: {elapsed:.0f} s"


@contextmanager
def _print_regularly(command: str, describe: Callable[[float], str]) -> Iterator[None]:
    """Print a status line at increasing intervals. describe: returns the line for an elapsed time in seconds."""
    began, ended = time.monotonic(), threading.Event()

    def report() -> None:
        while not ended.wait(MIN_PAUSE + PAUSE_FRACTION * (time.monotonic() - began)):
            if status := describe(time.monotonic() - began):
                _print(f"{command}: {status}")

    thread = threading.Thread(target=report, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _print(line: str) -> None:
    with contextlib.suppress(OSError):
        click.echo(line, err=True)


def _change(step: "Step") -> str:
    if step.seconds is not None:
        return ", ".join(filter(None, [step.state.lower(), _format_seconds(step), _memory(step)]))
    return {"InProgress": "started", "Stopping": "stopping"}.get(step.state, "")


def _describe_state(state: str) -> str:
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in state).strip().capitalize()


def _format_seconds(step: "Step") -> str:
    return "" if step.elapsed is None else f"{step.elapsed:.1f} s"


def _memory(step: "Step") -> str:
    return "" if step.memory is None else f"memory {step.memory:.1f}%"
