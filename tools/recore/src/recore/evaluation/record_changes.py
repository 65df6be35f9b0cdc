"""What is added to the record of a run that has ended: a note, and the held-out score that recore has made again."""

import math
from pathlib import Path
from typing import Any

from recore.evaluation.record import NAME, clean_note, read_record, write_record
from recore.untrusted_json import read_object


def write_note(folder: Path, text: str) -> str:
    """Write or replace the note of a run; an empty text removes it. Returns the note.

    Raises FileNotFoundError or ValueError if the folder does not hold a run.
    """
    note = clean_note(text)
    _replace(folder, "note", note)
    return note


def write_held_out_again(folder: Path, score: float, command: str) -> None:
    """Write or replace the held-out score that a command of recore, such as validate, has made again.

    Raises FileNotFoundError or ValueError if the folder does not hold a run, or the score is not a finite number.
    """
    if not math.isfinite(score):
        raise ValueError(f"{folder}: the held-out score is {score}, not a finite number")
    _replace(folder, "held_out_again", {"score": float(score), "command": command})


def _replace(folder: Path, member: str, value: Any) -> None:
    read_record(folder)
    record = read_object(folder / NAME)
    record[member] = value
    write_record(record, folder)
