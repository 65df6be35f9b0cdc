"""What the server answered, as serve.py reports it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recore.check.failures import ExperimentFailed


@dataclass(frozen=True)
class Answer:
    """An answer. status: of HTTP, 0 where none came. body: of a 200. text: of any other, or why none came."""

    status: int
    seconds: float
    body: Path | None
    text: str


@dataclass(frozen=True)
class Served:
    """A model that was served. reason: why it did not become ready, empty where it did.

    missing: the modules that cannot be imported where it is served. answers: by the request's name. log: the server's.
    imports: how long each module took to import, as Python's option -X importtime writes it.
    """

    reason: str
    missing: list[str]
    answers: dict[str, Answer]
    log: Path
    imports: Path

    def answer(self, name: str) -> Answer:
        """An answer. Raises ExperimentFailed where the server was not ready for the request."""
        try:
            return self.answers[name]
        except KeyError:
            reason = f"the server did not get so far: {self.reason or 'it ended'}"
            raise ExperimentFailed(reason, "Look at model_fn of train.py") from None


def read_served(folder: Path, report: Any) -> dict[str, Served]:
    """The results of serve.py by model. Raises KeyError, TypeError or ValueError where they are not what it writes."""
    return {str(entry["model"]): _read(folder, entry) for entry in report}


def _read(folder: Path, entry: dict[str, Any]) -> Served:
    model = str(entry["model"])
    answers = {}
    for each in entry["requests"]:
        name = str(each["name"])
        body, status = folder / f"{model}-{name}", int(each["status"])
        if status == 200 and not body.is_file():
            raise ValueError(f"{body}: the answer is missing, or too large")
        answers[name] = Answer(status, float(each["seconds"]), body if status == 200 else None, str(each["text"]))
    missing = [str(name) for name in entry["missing"]]
    log, imports = folder / f"{model}.log", folder / f"{model}.imports"
    return Served(str(entry["reason"]), missing, answers, log, imports)
