"""The report of `recore validate`. All sections are based on the same validation result."""

from pathlib import Path

from recore.challenge import challenge
from recore.evaluation import HELD_OUT, find_runs, is_overstated, read_submission, sha256_of, write_recomputed_held_out
from recore.report.page.content import Level, Page, PageFinding, findings_of, sort_by_level
from recore.report.validate import bands, comparison, curve_section, learning, residuals, target_scores
from recore.text import plain
from recore.validation import Advance, ValidationResult, ValidationSettings, run_validation

TOLERANCE = 5e-5  # scores are printed with four digits


def connect_runs(result: ValidationResult, submission: Path, public: Path, runs: Path) -> list[PageFinding]:
    """Write the held-out score to the records of the submission's runs, and compare it with the unverified score.

    Do nothing if some rows were not used, or if no drill holes were held out.
    """
    if result.data.rows < result.rows_of_file or result.decisive_split != "holes":
        return []
    try:
        matching_runs = find_runs(runs, read_submission(submission).sha256, sha256_of(public))
    except (OSError, ValueError):  # a folder that cannot be uploaded can still be validated
        return []
    recomputed, groups = result.score(result.predicted), len(set(result.data.hole))
    for run in matching_runs:
        try:
            write_recomputed_held_out(run.folder, recomputed, "validate", groups)
        except (OSError, ValueError) as error:  # the report is still written
            message = f"{run.folder}: the score could not be written to its record: {plain(str(error))}"
            return [PageFinding("note", "unverified score", message)]
    scored_runs = [run for run in matching_runs if HELD_OUT in run.scores]
    if not scored_runs:
        return []
    return [_compare(str(scored_runs[-1].folder), scored_runs[-1].scores[HELD_OUT].value, recomputed, groups)]


def _compare(run: str, unverified: float, score: float, groups: int) -> PageFinding:
    level: Level = "good"
    message = f"{run}: the unverified held-out score is the same, {unverified:.4f}"
    if abs(unverified - score) >= TOLERANCE:
        level = "bad" if is_overstated(unverified, score, sum(challenge().weights.values()), groups) else "note"
        reason = "probably because folds or seeds differ"
        if level == "bad":
            reason = "so the submission's models had probably seen the drill holes"
        message = (
            f"{run}: the unverified held-out score is {unverified:.4f}, but this report computes {score:.4f}, {reason}"
        )
    values = {"run": run, "unverified": unverified, "recomputed": score}
    return PageFinding(level, "unverified score", message, "comparison", values)


SECTIONS = (comparison, target_scores, residuals, curve_section, bands, learning)
FEW_ROWS, FEW_HOLES = 100, 6
PURPOSES = {"default": "other folds", "curve": "values of a hyperparameter", "learning": "points of the learning curve"}

LEAD = "The score to expect on new drill holes, estimated on held-out drill holes. The findings come first."


def validate_submission(
    submission: Path,
    public: Path,
    settings: ValidationSettings | None = None,
    advance: Advance = lambda text, done, total: None,
    runs: Path = Path("runs"),
) -> Page:
    """Return the report on a validation. Arguments and exceptions are the same as for run_validation.

    runs: the folder of runs; this submission's runs on this file receive the held-out score.
    """
    result = run_validation(submission, public, settings, advance)
    advance("writing", 0, 1)
    sections = [module.section(result) for module in SECTIONS]
    compared_runs = connect_runs(result, submission, public, runs)
    findings = [
        comparison.score_finding(result),
        *compared_runs,
        *sort_by_level([*_data_findings(result), *findings_of(sections)]),
    ]
    facts = _facts(result, submission, public)
    return Page(f"Validate {public.name}", LEAD, facts, findings, sections)


def _facts(result: ValidationResult, submission: Path, public: Path) -> dict[str, str]:
    rows, holes = len(result.data.index), len(set(result.data.hole))
    last = int(result.get_completed(result.decisive_split, "default")[-1].setting)
    drawn = f", and {last} times drawn at random" if last else ""
    possible = result.possible_score
    thinned = "" if rows == result.rows_of_file else f" of {result.rows_of_file:,}, evenly from every hole"
    return {
        "submission": submission.resolve().name or str(submission),
        "file": str(public),
        "rows used": f"{rows:,}{thinned}",
        "holes": f"{holes:,}",
        "inputs": f"{len(result.columns):,}",
        "best possible score": f"{possible:g} of {result.weights.sum():g}",
        "folds": f"{len(result.folds)}, as in train.py{drawn}",
        "time": f"{result.seconds:.0f} s",
    }


def _data_findings(result: ValidationResult) -> list[PageFinding]:
    findings = [PageFinding("bad", "file", message, "comparison") for message in result.data.problems]
    rows, holes = len(result.data.index), len(set(result.data.hole))
    if holes == 1:
        message = (
            "there is only one hole, so rows were held out while models were trained on their neighbours; expect a "
            "lower score on other holes"
        )
        findings.append(PageFinding("bad", "one hole", message, "comparison"))
    elif holes < FEW_HOLES:
        message = f"there are only {holes} holes; each is held out separately, and one more could change all results"
        findings.append(PageFinding("note", "few holes", message, "comparison"))
    if rows < FEW_ROWS:
        message = f"there are only {rows} rows; differences of a few hundredths may be chance"
        findings.append(PageFinding("note", "few rows", message, "comparison"))
    if len({name for _, name in result.baselines}) == 1:
        message = "spectra have gaps, so only the mean could be fitted as a baseline"
        findings.append(PageFinding("note", "gaps", message, "comparison"))
    if result.skipped:
        names = ", ".join(sorted({PURPOSES[each.purpose] for each in result.skipped}))
        message = (
            f"some fits were skipped to finish within --time-limit {result.settings.time_limit:g}; missing or "
            f"incomplete: {names}; the held-out score is complete"
        )
        findings.append(PageFinding("note", "time", message, "", {"skipped": len(result.skipped)}))
    return findings
