"""A failed step for people: its reason, what to do, the last lines of its job, and its log."""

from pathlib import Path
from typing import TYPE_CHECKING

from recore.pipeline.hints import hint_for, memory_hint
from recore.pipeline.joblog import LINES, SHOWN, script_lines, tail
from recore.pipeline.text import plain

if TYPE_CHECKING:
    from recore.pipeline.jobs import Step

OUTSIDE = "this machine's disk, and the bucket, the region and the rights of whoever runs this: not the submission"
LOOK_AT = {  # by the last word of a step's name
    "upload": "the bucket, the region and the credentials",
    "train": "train.py, which `python train.py` runs by hand. The job may take an hour, and has the packages of "
    "requirements.txt",
    "preprocess": "preprocess.py. It runs alone: no other file of the submission, no package beyond the container's, and "
    "no assays in private data. `python preprocess.py --input FILE --output FILE` in an empty folder runs it by hand",
    "predict": "model_fn, input_fn, predict_fn and output_fn of train.py: they run in a process that did not train, and "
    "get what preprocess.py wrote, whole or in pieces by lines",
    "score": "the predictions: a line of 49 numbers for each row of the data, in its order, no header, no index",
    "clean up": "the bucket and the models: what this run put there is still there",
}


def explanation(step: "Step", folder: Path, submission: Path, installs: bool = True) -> list[str]:
    """Lines that say what a participant needs to fix a failed step: the reason first.

    folder: the run's. submission: its folder, or its archive. installs: whether the jobs install requirements.txt.
    """
    lines = [f"recore: {step.name} failed: {plain(step.reason or 'no reason is known')}"]
    log = folder / "logs" / step.log
    last = last_lines(log) if log.is_file() else []
    if step.exception:
        hint = hint_for(step.exception, step.name, submission, installs)
    else:  # where a server's worker was killed, only its log tells
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
    """The last lines that a job's script printed, each fit for a terminal; those of the toolkit are left out."""
    return [plain(line) for line in script_lines(tail(log, SHOWN))[-LINES:]]


def look_at(name: str, outside: bool) -> str:
    """Where to look for the cause of a step's failure. outside: it failed around the job, not in it."""
    return OUTSIDE if outside else next(text for end, text in LOOK_AT.items() if name.endswith(end))
