"""Explains a failed step: its reason, what to do, the last lines of its job, and its log."""

from pathlib import Path

from recore.evaluation.hints import hint_for, memory_hint
from recore.evaluation.joblog import LINES, TAIL, read_end, script_lines
from recore.evaluation.step import Step
from recore.evaluation.text import plain

OUTSIDE = "this machine's disk, the bucket, the region and the permissions of this user, not the submission"
LOOK_AT = {  # by the last words of a step's name
    "upload": "the bucket, the region and the credentials",
    "train": "train.py, which `python train.py` runs by hand. The job has a time limit of an hour and the packages of "
    "requirements.txt",
    "preprocess": "preprocess.py. It runs without the submission's other files and with only the container's packages, "
    "and private data have no assays. `python preprocess.py --input FILE --output FILE` runs it by hand",
    "predict": "model_fn, input_fn, predict_fn and output_fn of train.py: they run in another process than training, "
    "and receive the output of preprocess.py, whole or in parts of some lines",
    "score": "the predictions: a line of 49 numbers for each row of the data, in the same order, no header, no index",
    "clean up": "the bucket and the models: files of this run are still there",
}


def explain_failure(step: Step, folder: Path, submission: Path, installs: bool = True) -> list[str]:
    """The lines that a participant needs to fix a failed step, the reason first.

    folder: of the run. submission: its folder or archive. installs: whether the jobs install requirements.txt.
    """
    lines = [f"recore: {step.name} failed: {plain(step.reason or 'no reason is known')}"]
    log = folder / "logs" / step.log
    last = last_lines(log) if log.is_file() else []
    if step.exception:
        hint = hint_for(step.exception, step.name, submission, installs)
    elif step.outside:
        hint = None
    else:  # if a worker of the server was killed, only the log says so
        hint = memory_hint("\n".join([step.reason or "", *last]))
    if hint:
        lines.append(f"  what to do: {plain(hint)}")
    else:
        lines.append(f"  look at: {look_at(step.name, step.outside)}")
    if log.is_file():
        lines += ["  its last lines:", *(f"    {line}" for line in last)] if last else ["  it printed nothing"]
        lines.append(f"  its log: {log}")
    return lines


def last_lines(log: Path) -> list[str]:
    """The last lines that a job's script printed, without those of the toolkit, each fit for a terminal."""
    return [plain(line) for line in script_lines(read_end(log, TAIL))[-LINES:]]


def look_at(name: str, outside: bool) -> str:
    """Where to look for the cause of a step's failure. outside: the cause lies outside the job."""
    return OUTSIDE if outside else next(text for end, text in LOOK_AT.items() if name.endswith(end))
