"""A run as its run.json tells of it: read, and checked, since a folder that someone sent can hold anything."""

import datetime
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recore.dataset.targets import DETECTION_LIMITS
from recore.pipeline.scores import Score
from recore.pipeline.text import plain

SIDES = ("public", "private")
STEPS = {"upload", "train", "clean up"} | {
    f"{side} {part}" for side in SIDES for part in ("preprocess", "predict", "score")
}
LARGEST_RECORD = 16 << 20  # bytes


@dataclass(frozen=True)
class StepRecord:
    """One step. began: seconds after the run did. memory: the highest share of the instance's memory, in per cent."""

    name: str
    kind: str
    state: str
    began: float | None
    seconds: float | None
    memory: float | None
    reason: str
    outside: bool

    @property
    def log(self) -> str:
        """The name of its log's file."""
        return f"{self.name.replace(' ', '-')}.log"


@dataclass(frozen=True)
class Record:
    """One run. data: path and SHA-256 of each file, None if it was not read. started_in: what the paths are seen from."""

    folder: Path
    state: str
    started: datetime.datetime
    seconds: float
    submission: str
    submission_sha256: str
    score_sha256: str
    data: dict[str, tuple[str, str | None]]
    started_in: Path
    place: str
    isolation: str
    instances: dict[str, str]
    version: str
    steps: tuple[StepRecord, ...]
    scores: dict[str, Score]

    @property
    def judge(self) -> str | None:
        """The side whose score counts: private where there is one."""
        return next((side for side in reversed(SIDES) if side in self.scores), None)

    def completed(self, step: str) -> bool:
        return any(one.name == step and one.state == "Completed" for one in self.steps)


def read_record(folder: Path) -> Record:
    """Read a run's folder.

    Raises FileNotFoundError where it holds no run.json, ValueError where that is no record of a run.
    """
    path = folder / "run.json"
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file; `python -m recore run` makes a run's folder")
    try:
        if path.stat().st_size > LARGEST_RECORD:
            raise ValueError(f"{path.stat().st_size >> 20} MB")
        said = json.loads(path.read_text("utf-8"))
        json.dumps(said, ensure_ascii=False).encode()  # letters that no file can hold end here
        return _record(folder, said)
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise ValueError(f"{path}: this is no record of a run: {error!r}") from error


def _record(folder: Path, said: dict[str, Any]) -> Record:
    settings, versions, steps = said["settings"], said["versions"], tuple(_step(step) for step in said["steps"])
    if "public" not in said["data"] or len({step.name for step in steps}) < len(steps):
        raise ValueError("no public data, or two steps of one name")
    return Record(
        folder=folder,
        state=plain(str(said["state"]), 40),
        started=time_of(str(said["started"])),
        seconds=_number(said["seconds"]),
        submission=str(said["submission"]["path"]),
        submission_sha256=str(said["submission"]["sha256"]),
        score_sha256=str(said["score_script"]["sha256"]),
        data={
            str(name): (str(file["path"]), file["sha256"] and str(file["sha256"]))
            for name, file in said["data"].items()
        },
        started_in=Path(said["folder"]),
        place=str(said["endpoint"]),
        isolation=str(said["isolation"]),
        instances={
            job: f"{settings[job]['type']} x {settings[job]['count']}"
            for job in ("training", "processing", "transform")
        },
        version=str(versions["recore"]),
        steps=steps,
        scores={side: _score(said["scores"][side]) for side in SIDES if side in said["scores"]},
    )


def _step(said: dict[str, Any]) -> StepRecord:
    name = str(said["name"])
    if name not in STEPS:  # from which the name of a file is made
        raise ValueError(f"a step is named {name[:40]!r}")
    numbers = (said.get("began"), said["seconds"], said["memory_percent"])
    began, seconds, memory = (None if number is None else _number(number) for number in numbers)
    reason, outside = str(said["reason"] or ""), said.get("outside") is True
    return StepRecord(
        name, str(said["kind"] or ""), plain(str(said["state"]), 40), began, seconds, memory, reason, outside
    )


def _score(said: dict[str, Any]) -> Score:
    r2 = {str(name): None if value is None else _number(value) for name, value in said["r2"].items()}
    weights = {name: _number(said["weights"][name]) for name in r2}
    if not set(r2) <= set(DETECTION_LIMITS):
        raise ValueError("R2 of what is none of the 49 targets")
    return Score(_number(said["value"]), _number(said["weights_scored"]), int(said["rows"]), r2, weights)


def _number(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{number} where a number is needed")
    return number


def time_of(text: str) -> datetime.datetime:
    """A time in ISO format, in UTC. Raises ValueError."""
    time = datetime.datetime.fromisoformat(text)
    return (time if time.tzinfo else time.replace(tzinfo=datetime.UTC)).astimezone(datetime.UTC)
