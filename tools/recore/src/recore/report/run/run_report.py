"""The report on a run. Each other module in this package adds a section."""

import os
from pathlib import Path

from recore.evaluation import HELD_OUT, SCORES, SPLITS, Record, read_record
from recore.report.page.content import Page, findings_of, sort_by_level
from recore.report.page.page_files import write_page
from recore.report.run import earlier_runs, jobs, predictions, target_scores
from recore.text import plain

REPORT_NAME = "report.html"  # in the run's folder

LEAD = "The findings come first, then the scores, a comparison with earlier runs, the predictions, and the jobs."


def report_run(folder: Path, public: Path | None = None) -> Page:
    """Return the report on a run's folder. public: path of the public file, if it has moved since the run.

    Raises FileNotFoundError or ValueError if the folder has no valid run.json. The page lists other missing files.
    """
    run = read_record(folder)
    sections = [
        target_scores.section(run),
        earlier_runs.section(run),
        predictions.section(run, public),
        jobs.section(run),
    ]
    if run.state != "Completed":  # the section with the failed jobs comes first
        sections = sections[-1:] + sections[:-1]
    return Page(
        f"Run {plain(folder.resolve().name)}", LEAD, _facts(run), sort_by_level(findings_of(sections)), sections
    )


def write_report(folder: Path, public: Path | None = None) -> Page:
    """Write report.html and the folder `report` to a run's folder atomically."""
    page = report_run(folder, public)
    write_page(page, folder / REPORT_NAME)
    return page


def _facts(run: Record) -> dict[str, str]:
    facts = {f"{name} score": f"{run.values[name]:.4f}" for name in SCORES if name in run.values}
    if HELD_OUT in run.values:
        origin = (
            "unverified: computed by the submission itself" if run.held_out_is_unverified else "recomputed by recore"
        )
        facts[f"{HELD_OUT} score"] += f", {origin}"
    # the name, even for "." and ".."; the path may be from another computer
    submission = os.path.normpath(run.started_in / run.submission)
    submission = plain(os.path.basename(submission) or submission)
    facts |= {
        "state": run.state.lower(),
        "started": f"{run.started:%Y-%m-%d %H:%M:%S} UTC",
        "duration": f"{run.seconds:.1f} s",
        "submission": f"{submission} (the SHA-256 of its files begins with {run.submission_sha256[:8]})",
    }
    if run.note:
        facts["note"] = run.note
    for split in SPLITS:
        if split in run.data:
            path, sha256 = run.data[split]
            rows = f", rows: {run.scores[split].rows:,}" if split in run.scores else ""
            facts[f"{split} file"] = f"{path}, {(sha256 or 'not read')[:8]}{rows}"
    return facts | {"ran on": run.endpoint, "isolation": run.isolation, "recore": run.version[:12]}
