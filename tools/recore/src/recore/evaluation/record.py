"""Writes and reads run.json, the record of a run.

A record may come from anyone: every value that is used is checked, and an invalid record is refused as a whole.
"""

import contextlib
import datetime
import hashlib
import json
import math
import shutil
import subprocess
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from platform import platform, python_version
from typing import TYPE_CHECKING, Any

from recore.atomic import replaced
from recore.challenge import SCORE_SCRIPT, Challenge, challenge, is_column_name, parse_challenge, read_script
from recore.data_file import sha256_of
from recore.distribution import PROGRAM
from recore.evaluation.job_requests import ENVIRONMENT, JOB_SECONDS
from recore.evaluation.scores import HELD_OUT, JUDGES, OWN, SCORES, SIDES, Score
from recore.evaluation.step import Step
from recore.places import OpenPlace, is_strangers
from recore.text import plain
from recore.untrusted_json import get, get_number, get_optional_number, prefix_errors, read_object
from stagemaker.machine import describe_machine

if TYPE_CHECKING:
    from recore.evaluation.four_steps import EvaluationRun

NAME = "run.json"  # in the run's folder
PACKAGES = ("boto3", "numpy", "pandas", "pyarrow", "scikit-learn", "scipy")
STEPS = {"upload", "train", f"{HELD_OUT} score", "clean up"} | {
    f"{side} {part}" for side in SIDES for part in ("preprocess", "predict", "score")
}
DATA = (*SIDES, "actual")
MAX_REASON = 300  # characters
LONGEST_NOTE = 200  # characters; the middle of a longer note is left out


@dataclass(frozen=True)
class Record:
    """One run. data: path and SHA-256 of each file, None if unreadable. started_in: the folder of relative paths.

    held_out_again: the held-out score that recore made again from `fit`; `scores` has the submission's own.
    training_seconds: the time limit of train.py and preprocess.py. host_findings: what a host should know, each with
    its code first; None if the run was not judged.
    """

    folder: Path
    note: str
    state: str
    started: datetime.datetime
    seconds: float
    submission: str
    submission_sha256: str
    score_sha256: str
    data: dict[str, tuple[str, str | None]]
    started_in: Path
    endpoint: str
    isolation: str
    instances: dict[str, str]
    version: str
    steps: tuple[Step, ...]
    scores: dict[str, Score]
    held_out_again: float | None
    training_seconds: float
    host_findings: tuple[str, ...] | None

    @property
    def is_strangers(self) -> bool:
        actual = self.started_in / self.data["actual"][0] if "actual" in self.data else None
        return is_strangers(self.started_in / self.submission, actual, self.started_in)

    @property
    def judge(self) -> str | None:
        """The score by which this run's targets are sorted."""
        return next((name for name in JUDGES if name in self.scores), None)

    @property
    def failed(self) -> str | None:
        """The first step that failed."""
        return next((step.name for step in self.steps if step.state == "Failed"), None)

    @property
    def reason(self) -> str | None:
        """Why the first step failed that did."""
        return next((step.reason for step in self.steps if step.state == "Failed"), None)

    @property
    def result(self) -> str:
        return f"{self.failed} failed" if self.failed else self.state.lower()

    @property
    def has_all_results(self) -> bool:
        """Whether the run was not stopped, and no step failed that has a result."""
        return self.state != "Stopped" and self.failed in (None, "clean up")

    def explain_result(self, with_private: bool = False) -> str:
        """The result, with the failed step's reason.

        with_private: also if that step read private data, which the submission could have put into the reason.
        """
        if not self.reason or ((self.failed or "").startswith("private") and not with_private):
            return self.result
        return plain(f"{self.result}: {self.reason}", MAX_REASON)

    @property
    def data_hashes(self) -> str:
        """The beginnings of the data files' hashes."""
        return "-".join((sha256 or "not read")[:8] for _, (_, sha256) in sorted(self.data.items()))

    @property
    def compared_with(self) -> tuple[str, str]:
        """What runs have in common whose scores can be compared: the data, and the beginning of score.py's hash."""
        return self.data_hashes, self.score_sha256[:8]

    @property
    def values(self) -> dict[str, float]:
        """The scores by name; a held-out one that was made again replaces the submission's own."""
        values = {name: score.value for name, score in self.scores.items()}
        return values if self.held_out_again is None else values | {HELD_OUT: self.held_out_again}

    @property
    def held_out_is_own(self) -> bool:
        """Whether the held-out score is the submission's own, which nobody has made again."""
        return HELD_OUT in self.scores and self.held_out_again is None

    @property
    def held_out_by(self) -> str:
        """In words; empty without such a score."""
        if HELD_OUT not in self.values:
            return ""
        return "the submission" if self.held_out_is_own else "recore"

    def rank(self, private_first: bool = False) -> tuple[float, ...]:
        """The key by which runs on the same data are sorted, the best last. Runs that lack a result come first.

        The held-out score decides: first those that were made again, then those that only the submission claims; then
        the private score. For a host (private_first) that comes first, and a claim does not count. The public score
        says nothing about rows outside the training: only its existence counts.
        """
        held_out, private = (self.values.get(name, -math.inf) for name in (HELD_OUT, "private"))
        is_again = self.held_out_again is not None
        if private_first:
            return (self.has_all_results, private, held_out if is_again else -math.inf)
        return (self.has_all_results, is_again, held_out, private, bool(self.scores))

    def show(self, name: str) -> str:
        """A score in four digits, marked if it is the submission's own claim, or "-"."""
        if name not in self.values:
            return "-"
        return f"{self.values[name]:.4f}{OWN if name == HELD_OUT and self.held_out_is_own else ''}"

    def completed(self, step: str) -> bool:
        return any(each.name == step and each.completed for each in self.steps)


def make_context(place: OpenPlace, note: str, arguments: dict[str, Any], folder: Path) -> dict[str, Any]:
    """What a record says about how its run was started. folder: that of relative paths."""
    where = {name: getattr(place, name) for name in ("endpoint", "region", "isolation")}
    return {"note": clean_note(note), "arguments": arguments, "folder": str(folder), **where}


def make_record(run: "EvaluationRun", context: dict[str, Any]) -> dict[str, Any]:
    """All that is needed to repeat a run, and its results."""
    files = {name: hashlib.sha256(content).hexdigest() for name, content in sorted(run.submission.files.items())}
    steps = [
        {
            **{member: getattr(step, member) for member in ("name", "kind", "job", "state")},
            "began": None if step.began is None else round(step.began - run.began, 3),
            "seconds": None if step.seconds is None else round(step.seconds, 3),
            "memory_percent": step.memory,
            "reason": step.reason,
            "outside": step.outside,
            "note": step.note,
            "log": f"logs/{step.log}" if (run.folder / "logs" / step.log).exists() else None,
        }
        for step in run.steps.values()
    ]
    hashes = dict(run.storage.hashes)
    for name, path in run.data.files.items():
        with contextlib.suppress(OSError):  # a file that no step has read, because an earlier one failed
            hashes[name] = hashes.get(name) or sha256_of(path)
    return {
        "name": run.settings.name,
        "state": run.state,
        "started": run.started.isoformat(timespec="seconds"),
        "seconds": round(run.seconds, 3),
        **context,
        "submission": {"path": str(run.submission.path), "sha256": run.submission.sha256, "files": files},
        "score_script": {"sha256": hashlib.sha256(run.score_script).hexdigest()},
        "data": {name: {"path": str(path), "sha256": hashes.get(name)} for name, path in run.data.files.items()},
        "settings": asdict(run.settings),
        "seeds": ENVIRONMENT,
        "versions": _versions(),
        "machine": describe_machine(),
        "steps": steps,
        "scores": {name: asdict(score) for name, score in run.read_scores().items()},
    }


def write_record(record: dict[str, Any], folder: Path) -> None:
    """Write or replace run.json. In file names that are not UTF-8, other bytes become question marks."""
    path = folder / NAME
    with replaced(path) as [part]:
        text = json.dumps(record, indent=1, default=str, ensure_ascii=False)
        part.write_text(f"{text}\n", "utf-8", "replace")
        if path.exists():
            shutil.copymode(path, part)


def clean_note(text: str) -> str:
    """One line of printable characters, at most LONGEST_NOTE of them."""
    return plain(text.strip(), LONGEST_NOTE)


def read_record(folder: Path) -> Record:
    """Read a run's record. Raises FileNotFoundError if the run has no record, ValueError if it is invalid."""
    path = folder / NAME
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file; `{PROGRAM} run` creates a run's folder")
    with prefix_errors(path, "not a valid run record: "):
        return _run_record(folder, read_object(path))


def _versions() -> dict[str, str | None]:
    git = shutil.which("git")
    commit = ""
    if git:
        command = [git, "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=40"]
        commit = subprocess.run(command, capture_output=True, text=True).stdout.strip()
    return {
        "recore": commit or None,
        "platform": platform(),
        "python": python_version(),
        **{name: version(name) for name in PACKAGES},
    }


def _run_record(folder: Path, content: Any) -> Record:
    steps = tuple(_step(step) for step in get(content, "steps", list))
    if len({step.name for step in steps}) < len(steps):
        raise ValueError("two steps have the same name")
    files = get(content, "data", dict)
    get(files, "public", dict)
    scores = get(content, "scores", dict)
    started = datetime.datetime.fromisoformat(get(content, "started", str))
    if started.tzinfo is None:
        started = started.replace(tzinfo=datetime.UTC)
    note = get(content, "note", str) if "note" in content else ""  # records of earlier versions have none
    return Record(
        folder=folder,
        note=clean_note(note),
        state=plain(get(content, "state", str), 40),
        started=started.astimezone(datetime.UTC),
        seconds=get_number(content, "seconds"),
        submission=get(content, "submission.path", str),
        submission_sha256=get(content, "submission.sha256", str),
        score_sha256=get(content, "score_script.sha256", str),
        data={
            name: (get(files, f"{name}.path", str), get(files, f"{name}.sha256", str, type(None)))
            for name in DATA
            if name in files
        },
        started_in=Path(get(content, "folder", str)),
        endpoint=get(content, "endpoint", str),
        isolation=get(content, "isolation", str),
        instances={
            job: f"{get(content, f'settings.{job}.type', str)} x {get(content, f'settings.{job}.count', int)}"
            for job in ("training", "processing", "transform")
        },
        version=get(content, "versions.recore", str, type(None)) or "unknown",
        steps=steps,
        scores={name: _score(get(scores, name, dict)) for name in SCORES if name in scores},
        held_out_again=get_number(content, "held_out_again.score") if "held_out_again" in content else None,
        training_seconds=get_optional_number({"training_seconds": None} | content["settings"], "training_seconds")
        or JOB_SECONDS,  # records of earlier versions have none
        host_findings=_host_findings(content),
    )


def _host_findings(content: Any) -> tuple[str, ...] | None:
    if "host_findings" not in content:
        return None
    found = get(content, "host_findings", list)
    return tuple(plain(f"{get(each, 'code', str)} {get(each, 'text', str)}", MAX_REASON) for each in found)


def _step(content: Any) -> Step:
    name = get(content, "name", str)
    if name not in STEPS:  # the name becomes part of a path
        raise ValueError(f"there is no step {name[:40]!r}")
    return Step(
        name=name,
        kind=get(content, "kind", str, type(None)),
        state=plain(get(content, "state", str), 40),
        began=get_optional_number(content, "began") if "began" in content else None,
        seconds=get_optional_number(content, "seconds"),
        memory=get_optional_number(content, "memory_percent"),
        reason=get(content, "reason", str, type(None)),
        outside=content.get("outside") is True,
    )


def _score(content: dict[str, Any]) -> Score:
    r2, weights = get(content, "r2", dict), get(content, "weights", dict)
    for name in r2:
        if not is_column_name(name):
            raise ValueError(f"{name[:40]!r} is not a target name")
    return Score(
        value=get_number(content, "value"),
        weights_scored=get_number(content, "weights_scored"),
        rows=get(content, "rows", int),
        r2={name: get_optional_number(r2, name) for name in r2},
        weights={name: get_number(weights, name) for name in r2},
    )


def read_challenge_of(record: Record) -> Challenge:
    """The challenge of a run, of which it keeps the score.py; that in use for a run of an earlier version.

    Raises ValueError if the file is not the one by which the run was scored.
    """
    path = record.folder / SCORE_SCRIPT
    if not path.is_file():
        return challenge()
    content = read_script(path)
    if hashlib.sha256(content).hexdigest() != record.score_sha256:
        raise ValueError(f"{path}: this is not the file by which the run was scored")
    return parse_challenge(content, path)


def find_public(record: Record, public: Path | None = None) -> Path:
    """The public data file of a run. public: where it is now, if it has moved.

    Raises FileNotFoundError if it is missing, ValueError if it is another file.
    """
    recorded, sha256 = record.data["public"]
    path = public or record.started_in / recorded
    if not path.is_file():
        raise FileNotFoundError(f"{path}: the run's public data file is not there: name it with --public")
    if sha256 and sha256_of(path) != sha256:
        raise ValueError(f"{path}: this is not the file that the run was trained on: name that with --public")
    return path


def write_note(folder: Path, text: str) -> str:
    """Replace the note of a run, and return it; an empty text removes it. Raises what `read_record` does."""
    note = clean_note(text)
    _replace(folder, "note", note)
    return note


def write_held_out_again(folder: Path, score: float, command: str) -> None:
    """Replace the held-out score that a command of recore has made again.

    Raises what `read_record` does, and ValueError if the score is not finite.
    """
    if not math.isfinite(score):
        raise ValueError(f"{folder}: the held-out score is {score}, not a finite number")
    _replace(folder, "held_out_again", {"score": float(score), "command": command})


def _replace(folder: Path, member: str, value: Any) -> None:
    read_record(folder)
    record = read_object(folder / NAME)
    record[member] = value
    write_record(record, folder)
