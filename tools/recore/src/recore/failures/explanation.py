"""Explain a failed step to a participant: the reason, the fix, the job's last lines, and its log."""

from pathlib import Path

from recore.failures.failure_reason import FailedStep
from recore.failures.fixes import fix_for, reason_fix
from recore.failures.installation import PIP_FAILURE, installation_fix
from recore.failures.job_log import last_lines
from recore.failures.source_fixes import source_fix
from recore.failures.terminal_command import find_command
from recore.text import plain

UNKNOWN_REASON = "the reason is unknown"
OUTSIDE_CAUSES = "the local disk, the bucket, the region and your permissions, not the submission"
LOCATIONS = {  # by the last word of a step's name
    "upload": "the bucket, the region and the credentials",
    "train": "train.py",
    "preprocess": "preprocess.py, which runs without the other files, and on private data without assays",
    "predict": "model_fn, input_fn, predict_fn and output_fn of train.py, which run in a different process from fit "
    "and receive the output of preprocess.py, complete or in batches of lines",
    "score": "the predictions, one line per row of the data, in the same order, with one number per target",
    "clean up": "the bucket and SageMaker's models: objects of this run were left there",
}


def explain_failure(step: FailedStep, folder: Path, submission: Path, installs: bool = True) -> list[str]:
    """Return the lines that help a participant to fix a failed step, beginning with the reason.

    folder: the run's folder. submission: a folder or archive. installs: whether the jobs install requirements.txt.
    """
    log = folder / "logs" / step.log
    fix = find_fix(step, log.parent, submission, installs)
    lines = [
        f"recore: {step.name} failed: {plain(step.reason or UNKNOWN_REASON)}",
        f"  fix: {plain(fix)}" if fix else f"  look at: {suggest_location(step)}",
    ]
    if command := find_command(step, submission):
        lines.append(f"  to see only the error: {command}")
    if log.is_file():
        last = [f"    {line}" for line in last_lines(log)]
        lines += ["  its last lines:", *last] if last else ["  it printed nothing"]
        lines.append(f"  its log: {log}")
    return lines


def find_fix(step: FailedStep, logs: Path, submission: Path, installs: bool = True) -> str | None:
    """Return the fix for a failed step, or None if the reason is not a common one. logs: the folder of logs."""
    reason = step.reason or ""
    fix = fix_for(step.exception, step.name, submission, installs) if step.exception else None
    if fix or step.outside:
        return fix
    if fix := source_fix(reason, step.name, submission):
        return fix
    if step.exception:
        return None
    if PIP_FAILURE in reason and (fix := installation_fix(reason, submission)):
        return fix
    # only the log says whether a worker of the server was killed
    return reason_fix("\n".join([reason, *last_lines(logs / step.log)]), step.name, submission)


def suggest_location(step: FailedStep) -> str:
    """Return advice on where to look for the cause of a step's failure."""
    if PIP_FAILURE in (step.reason or ""):
        return "requirements.txt"
    if step.exception and step.exception.location:
        return str(step.exception.location)
    if "preprocess()" in (step.reason or ""):  # train.py calls it, too
        return "preprocess() in preprocess.py"
    return OUTSIDE_CAUSES if step.outside else next(LOCATIONS[end] for end in LOCATIONS if step.name.endswith(end))
