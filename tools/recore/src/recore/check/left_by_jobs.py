"""What the experiments with a submission leave for the rules."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self


@dataclass(frozen=True)
class Trained:
    """A training. archive: the model.tar.gz of the job; joined: the same with the submission under code/.

    rows: of the data. seconds: that the job worked. processor_seconds: of all its processes together. memory: its peak,
    in per cent of the instance's. None if a value is unknown.
    """

    archive: Path
    joined: Path
    rows: int
    seconds: float
    processor_seconds: float | None
    memory: float | None


@dataclass(frozen=True)
class Variation:
    """The CSV that preprocess.py wrote for a variation of the data; or None and the reason of the failure."""

    output: Path | None
    problem: str = ""


@dataclass(frozen=True)
class Answer:
    """An answer of a model's server. status: of HTTP, 0 if none came. body: of a success. text: of another answer,
    or the reason why none came. late: none came within the time that an endpoint has.
    """

    status: int
    body: Path | None
    text: str
    late: bool = False


@dataclass(frozen=True)
class Built:
    """What setup.py made: the exit status, the files of the archive by name with their SHA-256, an error, the log."""

    status: int
    files: dict[str, str]
    error: str
    log: Path

    @classmethod
    def read(cls, log: Path, report: Any) -> Self:
        """Read the report of build.py. Raises KeyError, TypeError or ValueError if it is invalid."""
        files = {str(name): str(digest) for name, digest in report["files"].items()}
        return cls(int(report["status"]), files, str(report["error"]), log)


@dataclass(frozen=True)
class ByHand:
    """What predict.py made: its exit status, its output, and its predictions if there are any.

    statuses: of all runs; if the first one fails, it is repeated.
    """

    status: int
    log: str
    statuses: list[int]
    predictions: Path | None

    @classmethod
    def read(cls, predictions: Path | None, report: Any) -> Self:
        """Read the report of by_hand.py. Raises the same as Built.read."""
        statuses = [int(status) for status in report["statuses"]]
        return cls(int(report["status"]), str(report["log"]), statuses, predictions)
