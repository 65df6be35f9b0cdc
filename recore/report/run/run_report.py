"""A run's report: what became of its steps, where it stands, and what to work on. Every part is a section of the page."""

from pathlib import Path

from recore.pipeline.record import Record, read_record
from recore.pipeline.scores import SIDES
from recore.pipeline.text import plain
from recore.report.page.content import Page, by_level
from recore.report.page.page_files import write_page
from recore.report.run import earlier_runs, predictions, steps, target_scores

NAME = "report.html"  # in the run's folder


def report_run(folder: Path, public: Path | None = None) -> Page:
    """Look at a run's folder. public: where its public file is now, if not where the run had it.

    Raises FileNotFoundError or ValueError where the folder holds no record of a run. What else is missing the page says.
    """
    run = read_record(folder)
    parts = [
        target_scores.section(run),
        earlier_runs.section(run),
        predictions.section(run, public),
        steps.section(run),
    ]
    if run.state != "Completed":  # what went wrong comes first
        parts = parts[-1:] + parts[:-1]
    findings = by_level(finding for _, found in parts for finding in found)
    lead = "What came of it: scores, the runs before it, predictions, steps. What to look at comes first."
    return Page(f"Run {plain(folder.resolve().name)}", lead, _facts(run), findings, [section for section, _ in parts])


def write_report(folder: Path, public: Path | None = None) -> Page:
    """Write report.html and the folder report into a run's folder, both whole or neither."""
    page = report_run(folder, public)
    write_page(page, folder / NAME)
    return page


def _facts(run: Record) -> dict[str, str]:
    facts = {
        "state": run.state.lower(),
        "started": f"{run.started:%Y-%m-%d %H:%M:%S} UTC",
        "took": f"{run.seconds:.1f} s",
        "submission": f"{run.submission}, {run.submission_sha256[:8]}",
    }
    if run.note:
        facts["note"] = run.note
    for name in SIDES:
        if name in run.data:
            path, sha256 = run.data[name]
            rows = f", rows: {run.scores[name].rows:,}" if name in run.scores else ""
            facts[f"{name} file"] = f"{path}, {(sha256 or 'not read')[:8]}{rows}"
    return facts | {"where": run.endpoint, "isolation": run.isolation, "recore": run.version[:12]}
