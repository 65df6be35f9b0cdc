"""Validate: what will this submission score on other holes? Every part looks at one study, and the page is what they say."""

from pathlib import Path

from recore.report.page.content import Finding, Page, by_level
from recore.report.validate import alphas, bands, ladder, learning, residuals, target_scores
from recore.report.validate.study import Advance, Settings, Study, carry_out
from recore.report.validate.workers import check_submission

PARTS = (ladder, target_scores, residuals, alphas, bands, learning)
FEW_ROWS, FEW_HOLES = 100, 6


def validate(
    submission: Path, public: Path, settings: Settings | None = None, advance: Advance = lambda what, done, of: None
) -> Page:
    """Cross-validate the submission in a folder on public data, beside baselines.

    Its preprocess.py and train.py are run, in processes of their own, with this user's rights. advance(what, done, of)
    is told of work done. Raises ValueError or OSError where file or folder cannot be used, SubmissionError where the
    submission fails.
    """
    from threadpoolctl import threadpool_limits

    check_submission(submission)
    with threadpool_limits(1, "blas"):  # the other processors are the workers'
        study = carry_out(submission, public, settings or Settings(), advance)
        advance("writing", 0, 1)
        parts = [part.section(study) for part in PARTS]
    found = [*_of_the_data(study), *(finding for _, own in parts for finding in own)]
    lead = "What will this submission score on holes that it has not seen? What was found first, then the pictures."
    findings = by_level(found)
    return Page(
        f"Validate {public.name}", lead, _facts(study, submission, public), findings, [part for part, _ in parts]
    )


def _facts(study: Study, submission: Path, public: Path) -> dict[str, str]:
    used, way = len(study.data.index), study.ways[0]
    possible = study.challenge.possible(study.r2(study.groups(way, "nested")[0]))
    of_them = "" if used == study.rows_of_file else f" of {study.rows_of_file:,}, evenly from every hole"
    return {
        "submission": submission.resolve().name if submission == Path() else str(submission),
        "file": str(public),
        "rows used": f"{used:,}{of_them}",
        "holes": f"{len(set(study.data.hole)):,}",
        "inputs": f"{len(study.columns):,}",
        "best possible score": f"{possible:g} of {study.challenge.weights.sum():g}",
        "folds": f"5 at the most, seeds {study.settings.seed} to {study.settings.seed + study.settings.repeats - 1}",
    }


def _of_the_data(study: Study) -> list[Finding]:
    """What a reader must know of the rows before believing anything."""
    found = [Finding("bad", "file", text, "ladder") for text in study.data.problems]
    rows, holes = len(study.data.index), len(set(study.data.hole))
    if holes == 1:
        text = "there is one hole only: rows were held out, whose neighbours were not; other holes will score less"
        found.append(Finding("bad", "one hole", text, "ladder"))
    elif holes < FEW_HOLES:
        text = f"{holes} holes: each is held out on its own, the same for every seed, and one more could change all"
        found.append(Finding("note", "few holes", text, "ladder"))
    if rows < FEW_ROWS:
        found.append(Finding("note", "few rows", f"{rows} rows: differences of a few hundredths are chance", "ladder"))
    if len({name for _, name in study.peers}) == 1:
        text = "spectra with gaps: of the baselines only the mean could be fitted"
        found.append(Finding("note", "gaps", text, "ladder"))
    if study.left_out:
        names = {"nested": "folds of other seeds", "strength": "strengths", "learning": "points of the learning curve"}
        said = ", ".join(sorted({names[group.what] for group in study.left_out}))
        text = f"there was no time for all within {study.settings.minutes:g} minutes; some are left out: {said}; --minutes gives more"
        found.append(Finding("note", "time", text, "", {"left_out": len(study.left_out)}))
    return found
