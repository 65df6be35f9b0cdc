"""Section on the duration and memory use of the jobs, and the causes of failures."""

import pandas as pd
from plotly.graph_objects import Figure as PlotlyFigure

from recore.evaluation import Record, Step
from recore.failures import UNKNOWN_REASON, last_lines, suggest_location
from recore.report.page import figures as draw
from recore.report.page.content import Figure, Level, PageFinding, Section, Table
from recore.text import plain

MUCH_MEMORY, VERY_MUCH_MEMORY = 70.0, 90.0  # per cent of an instance's memory
LONG_TRAINING, MAX_TRAINING = 1800.0, 3600.0  # seconds; the challenge allows an hour
LABEL_SPACE = 1.35  # axis length relative to the longest bar; the rest is for its label
STYLES = {"Completed": (draw.BLUE, ""), "Failed": (draw.VERMILION, "x"), "Stopped": (draw.OCHRE, "/")}

TITLE = "Jobs"
READING = (
    "Good: all jobs have the state Completed, training takes most of the time, and memory is far below 100%. Bad: a "
    "failed job (its reason, last lines and log files are below), memory above 90% (with more rows the job would be "
    "killed), or training that takes almost the full allowed hour."
)
NOTE = (
    "Instances: {instances}. Memory is the highest utilisation that CloudWatch recorded. A job's duration includes "
    "waiting for a free core."
)
TIMELINE = "Start and duration of each job."
MEMORY = "The highest memory use of each job, as a percentage of the instance's memory."
JOBS = "Start and duration in seconds, memory as a percentage of the instance's memory."
FAILURES = "In order of execution."
LAST_LINES = "The complete logs are in logs/."
WITHHELD_NOTE = (
    "withheld, because this job reads the private assays; its output is in the run's folder, logs/private-score.log"
)


def section(run: Record) -> Section:
    """Return the section."""
    rows = [(step.name, step.kind or "", step.state, step.start_time, step.seconds, step.memory) for step in run.steps]
    columns = ["job", "kind", "state", "began", "seconds", "memory %"]
    table = pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(columns[3:], float))
    items: list[Figure | Table] = []
    if table["seconds"].notna().any():
        items.append(_timeline(table))
    if table["memory %"].notna().any():
        items.append(_memory(table))
    items.append(Table("jobs", "All jobs", JOBS, table))
    failed = [step for step in run.steps if step.state == "Failed"]
    if failed:
        causes = [(step.name, _reason(step), suggest_location(step)) for step in failed]
        numbers = pd.DataFrame(causes, columns=["job", "reason", "look at"])
        items.append(Table("failures", "Failed jobs", FAILURES, numbers))
        # participants, who may get the report, must not see the output of the private score
        shown = [step for step in failed if step.name != "private score"]
        lines = [(step.name, line) for step in shown for line in last_lines(run.folder / "logs" / step.log)]
        if lines:
            numbers = pd.DataFrame(lines, columns=["job", "line"])
            items.append(Table("last-lines", "Last lines of the failed jobs", LAST_LINES, numbers))
    note = NOTE.format(instances=", ".join(f"{job} {kind}" for job, kind in run.instances.items()))
    return Section("jobs", TITLE, READING, items, note, _findings(run))


def _timeline(table: pd.DataFrame) -> Figure:
    drawn = table[table["began"].notna() & table["seconds"].notna()]
    plot = _figure_by_job(drawn, "seconds after the start of the run", (drawn["began"] + drawn["seconds"]).max())
    plot.update_layout(showlegend=True)
    for state in drawn["state"].unique():
        jobs = drawn[drawn["state"] == state]
        colour, pattern = STYLES.get(state, (draw.GREY, "."))
        hover = "%{y}: started after %{base:.1f} s, took %{text}<extra>%{fullData.name}</extra>"
        marker, durations = draw.pattern_style(colour, pattern), [f"{seconds:.1f} s" for seconds in jobs["seconds"]]
        draw.add_bars(plot, jobs["seconds"], jobs["job"], state, hover, marker, base=jobs["began"], text=durations)
    plot.update_traces(textposition="outside")
    return Figure("timeline", "Time", TIMELINE, plot, table)


def _memory(table: pd.DataFrame) -> Figure:
    drawn = table[table["memory %"].notna()]
    plot = _figure_by_job(drawn, "memory, %", max(100.0, drawn["memory %"].max()))
    hover = "%{y}: %{text} of the instance's memory<extra></extra>"
    percentages = [f"{percent:.1f}%" for percent in drawn["memory %"]]
    draw.add_bars(plot, drawn["memory %"], drawn["job"], "memory", hover, {"color": draw.GREY}, text=percentages)
    plot.update_traces(textposition="outside")
    return Figure("memory", "Memory", MEMORY, plot, drawn[["job", "memory %"]])


def _figure_by_job(table: pd.DataFrame, title: str, end: float) -> PlotlyFigure:
    plot = draw.new_figure(120 + 34 * len(table), barmode="overlay", bargap=0.35, legend=draw.ABOVE)
    plot.update_xaxes(title_text=title, range=[0, LABEL_SPACE * max(end, 1e-3)])
    categories = {"type": "category", "categoryorder": "array", "categoryarray": table["job"].tolist()}
    plot.update_yaxes(range=[len(table) - 0.5, -0.5], dtick=1, **categories)
    return plot


def _reason(step: Step) -> str:
    """Return the reason for a failure, but withhold it for the private score: participants may see the report."""
    if step.name == "private score" and not step.outside:
        return WITHHELD_NOTE
    return plain(step.reason or UNKNOWN_REASON)


def _findings(run: Record) -> list[PageFinding]:
    findings: list[PageFinding] = []
    for step in run.steps:
        if step.state == "Failed":
            reason = _reason(step)
            message = f"{step.name} failed: {plain(reason, 240)}"
            if any(finding.values["reason"] == reason for finding in findings):
                message = f"{step.name} failed for the same reason"
            findings.append(PageFinding("bad", "failed", message, "jobs", {"job": step.name, "reason": reason}))
    if run.state == "Stopped":
        remaining = ", ".join(step.name for step in run.steps if step.state != "Completed")
        findings.append(PageFinding("bad", "stopped", f"the run was stopped; not completed: {remaining}", "jobs"))
    elif not findings:
        message = f"all {len(run.steps)} jobs completed in {run.seconds:.1f} s"
        findings.append(PageFinding("good", "completed", message, "jobs", {"seconds": run.seconds}))
    return findings + _memory_finding(run) + _training_finding(run)


def _memory_finding(run: Record) -> list[PageFinding]:
    percents = {step.name: step.memory for step in run.steps if step.memory is not None}
    if not percents:
        return []
    name, percent = max(percents.items(), key=lambda item: item[1])
    level: Level = "bad" if percent > VERY_MUCH_MEMORY else "note" if percent > MUCH_MEMORY else "good"
    message = f"memory: {name} used the most, {percent:.1f}% of its instance's memory"
    return [PageFinding(level, "memory", message, "jobs", {"job": name, "percent": percent})]


def _training_finding(run: Record) -> list[PageFinding]:
    seconds = next((step.seconds for step in run.steps if step.name == "train"), None)
    if seconds is None or seconds <= LONG_TRAINING:
        return []
    message = f"training took {seconds:.0f} s of the allowed {MAX_TRAINING:.0f} s"
    return [PageFinding("note", "long training", message, "jobs", {"seconds": seconds})]
