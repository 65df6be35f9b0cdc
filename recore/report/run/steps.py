"""What the steps took, and why one failed."""

from typing import TYPE_CHECKING

from recore.pipeline.failure import last_lines, look_at
from recore.pipeline.record import Record
from recore.pipeline.step import Step
from recore.pipeline.text import plain
from recore.report.page.content import Figure, Finding, Section, Table
from recore.report.page.figures import BLUE, GREY, OCHRE, VERMILION, new_figure

if TYPE_CHECKING:
    import pandas as pd

FULL, FILLING = 90.0, 70.0  # per cent of an instance's memory
LONG, HOUR = 1800.0, 3600.0  # seconds of training: half of what it may take, and all
WITHHELD = "withheld: this job sees the private assays; what it said is in the run's folder, logs/private-score.log"


def section(run: Record) -> tuple[Section, list[Finding]]:
    """The section, and what was found in it."""
    reading = (
        "Good: all steps end Completed, training takes most of the time, public and private run side by side, and memory "
        "stays far from 100 %. Bad: a step that failed (its reason, its last lines and what to look at are below), memory "
        "above 90 % (on more rows the job is killed), training near the hour that it may take."
    )
    note = (
        f"Instances: {', '.join(f'{job} {kind}' for job, kind in run.instances.items())}. Memory is the highest share that "
        "CloudWatch knows of. A step's time includes its wait for a free core."
    )
    table = _table(run)
    items: list[Figure | Table] = [_timeline(table)] if table["began"].notna().any() else []
    items.append(Table("steps", "All steps", "Seconds after the run began, seconds, per cent of memory.", table))
    failed = [step for step in run.steps if step.state == "Failed"]
    if failed:
        items.append(Table("failures", "Why it failed", "In order of the steps.", _failures(failed)))
        lines = _last_lines(run, failed)
        if len(lines):
            items.append(Table("last-lines", "The last that the failed jobs said", "Whole logs: logs/.", lines))
    return Section("steps", "Steps", reading, items, note), _findings(run)


def _table(run: Record) -> "pd.DataFrame":
    import pandas as pd

    rows = [(step.name, step.kind or "", step.state, step.began, step.seconds, step.memory) for step in run.steps]
    columns = ["step", "job", "state", "began", "seconds", "memory %"]
    return pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(columns[3:], float))


def _timeline(table: "pd.DataFrame") -> Figure:
    """When each step ran, and beside it its memory."""
    drawn = table[table["began"].notna() & table["seconds"].notna()]
    axis = {"range": [len(drawn) - 0.5, -0.5], "type": "category", "dtick": 1}
    axis |= {"categoryorder": "array", "categoryarray": drawn["step"].tolist()}
    plot = new_figure(
        120 + 34 * len(drawn),
        barmode="overlay",
        bargap=0.35,
        legend={"orientation": "h", "y": 1.01, "yanchor": "bottom"},
    )
    plot.update_layout(
        xaxis={"title": {"text": "seconds after the run began"}, "domain": [0, 0.72], "rangemode": "tozero"}
    )
    plot.update_layout(yaxis=axis)
    looks = {"Completed": (BLUE, ""), "Failed": (VERMILION, "x"), "Stopped": (OCHRE, "/")}
    for state in drawn["state"].unique():
        own = drawn[drawn["state"] == state]
        colour, pattern = looks.get(state, (GREY, "."))
        plot.add_bar(
            y=own["step"],
            x=own["seconds"],
            base=own["began"],
            width=0.65,
            name=state,
            orientation="h",
            marker={"color": colour, "pattern": {"shape": pattern}},
            text=[f"{seconds:.1f} s" for seconds in own["seconds"]],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: began after %{base:.1f} s, took %{text}<extra>%{fullData.name}</extra>",
        )
    known = drawn[drawn["memory %"].notna()]
    if len(known):
        plot.update_layout(
            xaxis2={"title": {"text": "memory, %"}, "domain": [0.8, 1], "range": [0, 100], "anchor": "y"}
        )
        plot.add_bar(
            y=known["step"],
            x=known["memory %"],
            xaxis="x2",
            width=0.65,
            name="memory",
            orientation="h",
            marker={"color": GREY},
            text=[f"{percent:.1f} %" for percent in known["memory %"]],
            textposition="auto",
            hovertemplate="%{y}: %{x:.1f} % of the instance's memory<extra></extra>",
        )
    words = (
        "A bar for each step from its beginning to its end; to the right the highest share of the instance's memory."
    )
    return Figure("timeline", "Time and memory", words, plot, table)


def _failures(failed: list[Step]) -> "pd.DataFrame":
    import pandas as pd

    rows = [(step.name, _reason(step), look_at(step.name, step.outside)) for step in failed]
    return pd.DataFrame(rows, columns=["step", "reason", "look at"])


def _last_lines(run: Record, failed: list[Step]) -> "pd.DataFrame":
    import pandas as pd

    rows = []
    for step in failed:
        log = run.folder / "logs" / step.log
        if log.is_file() and step.name != "private score":
            rows += [(step.name, line) for line in last_lines(log)]
    return pd.DataFrame(rows, columns=["step", "line"])


def _reason(step: Step) -> str:
    """A report may be handed to a participant: what the job with the private assays said is not for it."""
    if step.name == "private score" and not step.outside:
        return WITHHELD
    return plain(step.reason or "no reason is known")


def _findings(run: Record) -> list[Finding]:
    found: list[Finding] = []
    for step in run.steps:
        if step.state == "Failed":
            reason = _reason(step)
            likewise = any(finding.values["reason"] == reason for finding in found)
            text = f"{step.name} failed likewise" if likewise else f"{step.name} failed: {plain(reason, 240)}"
            found.append(Finding("bad", "failed", text, "steps", {"step": step.name, "reason": reason}))
    if run.state == "Stopped":
        left = [step.name for step in run.steps if step.state != "Completed"]
        found.append(Finding("bad", "stopped", f"the run was stopped; not done: {', '.join(left)}", "steps"))
    elif not found:
        text = f"all {len(run.steps)} steps completed, in {run.seconds:.1f} s"
        found.append(Finding("good", "completed", text, "steps", {"seconds": run.seconds}))
    fullest = max(
        (step for step in run.steps if step.memory is not None), key=lambda step: step.memory or 0, default=None
    )
    if fullest is not None and fullest.memory is not None:
        text = f"memory: {fullest.name} took {fullest.memory:.1f} % of its instance's, more than any other step"
        level = "bad" if fullest.memory > FULL else "note" if fullest.memory > FILLING else "good"
        found.append(Finding(level, "memory", text, "steps", {"step": fullest.name, "percent": fullest.memory}))  # type: ignore[arg-type]
    for step in run.steps:
        if step.name == "train" and step.seconds and step.seconds > LONG:
            text = f"training took {step.seconds:.0f} s of the {HOUR:.0f} s that it may take"
            found.append(Finding("note", "long training", text, "steps", {"seconds": step.seconds}))
    return found
