"""A failed step for people: its reason, the last that its job said, its log, and where the cause is to be looked for."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from recore.pipeline.text import plain

if TYPE_CHECKING:
    from recore.pipeline.jobs import Step

LINES = 15  # of a log
TAIL = 1 << 16  # bytes of a log in which they are looked for
OUTSIDE = "this machine's disk, and the bucket, the region and the rights of whoever runs this: not the submission"
LOOK_AT = {  # by the last word of a step's name
    "upload": "the bucket, the region and the credentials",
    "train": "train.py, which `python train.py` runs by hand. A job has one hour, and the packages of requirements.txt",
    "preprocess": "preprocess.py. It runs alone: no other file of the submission, no package beyond the container's, and "
    "no assays in private data. `python preprocess.py --input FILE --output FILE` in an empty folder runs it by hand",
    "predict": "model_fn, input_fn, predict_fn and output_fn of train.py: they run in a process that did not train, and "
    "get what preprocess.py wrote, whole or in pieces by lines",
    "score": "the predictions: a line of 49 numbers for each row of the data, in its order, no header, no index",
    "clean up": "the bucket and the models: what this run put there is still there",
}


def explanation(step: "Step", folder: Path) -> list[str]:
    """Lines that say what a participant needs to mend it. folder: the run's."""
    lines = [f"recore: {step.name} failed: {plain(step.reason or 'no reason is known')}"]
    log = folder / "logs" / step.log
    if log.is_file():
        lines += ["  its last lines:", *(f"    {line}" for line in last_lines(log)), f"  its log: {log}"]
    return [*lines, f"  look at: {look_at(step.name, step.outside)}"]


def last_lines(log: Path) -> list[str]:
    """The last that a job said, each line fit for a terminal."""
    with open(log, "rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
        text = file.read().decode("utf-8", "replace")
    return [plain(line) for line in text.rstrip().split("\n")[-LINES:]]


def look_at(name: str, outside: bool) -> str:
    """Where the cause of a step's failure is to be looked for. outside: it failed around the job, not in it."""
    return OUTSIDE if outside else next(text for end, text in LOOK_AT.items() if name.endswith(end))
