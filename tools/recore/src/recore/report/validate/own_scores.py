"""Connects a validation with the runs of the same submission on the same data: their held-out scores are made again."""

from pathlib import Path

from recore.evaluation import HELD_OUT, HONEST_GAP, find_runs, read_submission, sha256_of, write_held_out_again
from recore.report.page.content import Level, PageFinding
from recore.text import plain
from recore.validation import ValidationResult

SAME = 5e-5  # scores are printed with four digits


def connect_runs(result: ValidationResult, submission: Path, public: Path, runs: Path) -> list[PageFinding]:
    """Write the held-out score into the records of these runs, and compare it with the submission's own.

    Nothing is written if not all rows were used, or no drill hole was held out. runs: their folder.
    """
    if result.data.rows < result.rows_of_file or result.decisive_split != "holes":
        return []
    try:
        found = find_runs(runs, read_submission(submission).sha256, sha256_of(public))
    except (OSError, ValueError):  # a folder can be validated that cannot be uploaded
        return []
    again = result.score(result.predicted)
    for run in found:
        try:
            write_held_out_again(run.folder, again, "validate")
        except (OSError, ValueError) as error:  # the validation itself is not lost
            text = f"{run.folder}: the score could not be written into its record: {plain(str(error))}"
            return [PageFinding("note", "own score", text)]
    claimed = [run for run in found if HELD_OUT in run.scores]
    return [_compare(str(claimed[-1].folder), claimed[-1].scores[HELD_OUT].value, again)] if claimed else []


def _compare(run: str, own: float, again: float) -> PageFinding:
    level: Level = "good"
    text = f"{run}: the submission's own held-out score is the same, {own:.4f}"
    if abs(own - again) >= SAME:
        level = "bad" if own - again > HONEST_GAP else "note"
        reason = "with other folds or seeds"
        if level == "bad":
            reason = "the submission's models had probably seen the drill holes"
        text = f"{run}: the submission's own held-out score is {own:.4f}, by drill hole it is {again:.4f}: {reason}"
    return PageFinding(level, "own score", text, "comparison", {"run": run, "own": own, "again": again})
