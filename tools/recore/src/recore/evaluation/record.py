"""Write and read run.json, the record of a run.

A record may be untrusted: every value that is used is checked, and an invalid record is rejected entirely.
"""

import contextlib
import datetime
import hashlib
import json
import math
import shutil
import subprocess
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from platform import platform, python_version
from typing import TYPE_CHECKING, Any

from recore.atomic import replace_paths
from recore.backends import Backend, is_third_party
from recore.challenge import SCORE_SCRIPT, Challenge, challenge, is_column_name, parse_challenge, read_script
from recore.data_file import sha256_of
from recore.distribution import PROGRAM
from recore.evaluation.held_out import is_overstated
from recore.evaluation.job_requests import ENVIRONMENT, JOB_SECONDS
from recore.evaluation.scores import HELD_OUT, RANKING_SCORES, SCORES, SPLITS, UNVERIFIED_MARK, Score
from recore.evaluation.step import Step
from recore.text import plain
from recore.untrusted_json import get, get_number, get_optional_number, prefix_errors, read_object
from stagemaker.machine import machine_info

if TYPE_CHECKING:
    from recore.evaluation.four_steps import EvaluationRun

NAME = "run.json"  # in the run's folder
PACKAGES = ("boto3", "numpy", "pandas", "pyarrow", "scikit-learn", "scipy")
STEPS = {"upload", "train", f"{HELD_OUT} score", "clean up"} | {
    f"{split} {part}" for split in SPLITS for part in ("preprocess", "predict", "score")
}
DATA = (*SPLITS, "actual")
MAX_REASON = 300  # characters
MAX_NOTE = 200  # characters; the middle of a longer note is omitted


@dataclass(frozen=True)
class Record:
    """A run's record. data: the path and SHA-256 (None if unreadable) of each file. started_in: base of relative paths.

    hyperparameters: arguments of `fit` that replaced its defaults. recomputed_held_out: the held-out score that recore
    recomputed with `fit`, with data of this number of recomputed_groups; `scores` has the unverified one.
    training_seconds: time limit of train.py and preprocess.py. host_findings: findings for the host, each beginning
    with its code; None if the run was not judged.
    """

    folder: Path
    note: str
    state: str
    started: datetime.datetime
    seconds: float
    submission: str
    submission_sha256: str
    hyperparameters: dict[str, Any]
    score_sha256: str
    data: dict[str, tuple[str, str | None]]
    started_in: Path
    endpoint: str
    isolation: str
    instances: dict[str, str]
    version: str
    steps: tuple[Step, ...]
    scores: dict[str, Score]
    recomputed_held_out: float | None
    recomputed_groups: int
    training_seconds: float
    host_findings: tuple[str, ...] | None

    @property
    def is_third_party(self) -> bool:
        actual = self.started_in / self.data["actual"][0] if "actual" in self.data else None
        return is_third_party(self.started_in / self.submission, actual, self.started_in)

    @property
    def ranking_name(self) -> str | None:
        """The name of the score by which the run's targets are sorted."""
        return next((name for name in RANKING_SCORES if name in self.scores), None)

    @property
    def failed_step(self) -> str | None:
        """The name of the first step that failed, or None."""
        return next((step.name for step in self.steps if step.state == "Failed"), None)

    @property
    def reason(self) -> str | None:
        """The reason why the first failed step failed, or None."""
        return next((step.reason for step in self.steps if step.state == "Failed"), None)

    @property
    def result(self) -> str:
        return f"{self.failed_step} failed" if self.failed_step else self.state.lower()

    @property
    def has_all_results(self) -> bool:
        """Whether the run was not stopped and no step except the clean-up failed."""
        return self.state != "Stopped" and self.failed_step in (None, "clean up")

    def explain_result(self, with_private: bool = False) -> str:
        """Return the result, with the reason for a failure.

        with_private: whether to include the reason even if the step read private data, which the reason could reveal.
        """
        if not self.reason or ((self.failed_step or "").startswith("private") and not with_private):
            return self.result
        return plain(f"{self.result}: {self.reason}", MAX_REASON)

    @property
    def data_hashes(self) -> str:
        """The abbreviated hashes of the data files."""
        return "-".join((sha256 or "not read")[:8] for _, (_, sha256) in sorted(self.data.items()))

    @property
    def comparison_key(self) -> tuple[str, str]:
        """The key that runs with comparable scores share: the abbreviated hashes of the data and of score.py."""
        return self.data_hashes, self.score_sha256[:8]

    @property
    def values(self) -> dict[str, float]:
        """The scores by name; a recomputed held-out score replaces the unverified one."""
        values = {name: score.value for name, score in self.scores.items()}
        return values if self.recomputed_held_out is None else values | {HELD_OUT: self.recomputed_held_out}

    def require_defaults(self) -> None:
        """Raise ValueError if the run had hyperparameters, without which retraining would produce another model."""
        if self.hyperparameters:
            problem = f"this run was trained with --set {self.options}, which retraining does not know"
            raise ValueError(f"{self.folder}: {problem}; write it into fit(), and run again without --set")

    @property
    def options(self) -> str:
        """The hyperparameters as on the command line."""
        return plain(" --set ".join(f"{name}={value}" for name, value in self.hyperparameters.items()), MAX_NOTE)

    @property
    def held_out_is_unverified(self) -> bool:
        """Whether the submission computed the held-out score itself, and it was not recomputed."""
        return HELD_OUT in self.scores and self.recomputed_held_out is None

    @property
    def held_out_source(self) -> str:
        """Who computed the held-out score: "the submission (unverified)" or "recore"; "" if there is no such score."""
        if HELD_OUT not in self.values:
            return ""
        return "the submission (unverified)" if self.held_out_is_unverified else "recore"

    def rank(self, private_first: bool = False) -> tuple[float, ...]:
        """Return the sort key of runs on the same data: runs that lack a result first, the best run last.

        The held-out score decides first, whoever computed it; the private score decides second. For a host
        (private_first), the private score decides first, unverified scores are ignored, and the earlier of equals wins.
        The public score says nothing about rows outside the training data, so only its existence counts.
        """
        held_out, private = (self.values.get(name, -math.inf) for name in (HELD_OUT, "private"))
        if private_first:
            recomputed = -math.inf if self.recomputed_held_out is None else held_out
            return (self.has_all_results, private, recomputed, -self.started.timestamp())
        return (self.has_all_results, held_out, private, bool(self.scores))

    def show(self, name: str) -> str:
        """Return a score with four decimals, marked if unverified, or "-" without a score."""
        if name not in self.values:
            return "-"
        return f"{self.values[name]:.4f}{UNVERIFIED_MARK if name == HELD_OUT and self.held_out_is_unverified else ''}"

    def completed(self, step: str) -> bool:
        return any(each.name == step and each.completed for each in self.steps)


def make_context(backend: Backend, note: str, arguments: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return the members of a record that describe how its run was started. folder: base of relative paths."""
    location = {name: getattr(backend, name) for name in ("endpoint", "region", "isolation")}
    return {"note": clean_note(note), "arguments": arguments, "folder": str(folder), **location}


def make_record(run: "EvaluationRun", context: dict[str, Any]) -> dict[str, Any]:
    """Return the record of a run: its results, and everything that is needed to repeat it."""
    files = {name: hashlib.sha256(content).hexdigest() for name, content in sorted(run.submission.files.items())}
    steps = [
        {
            **{member: getattr(step, member) for member in ("name", "kind", "job", "state")},
            "began": None if step.start_time is None else round(step.start_time - run.start_time, 3),
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
        with contextlib.suppress(OSError):  # no step has read the file, because an earlier step failed
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
        "machine": machine_info(),
        "steps": steps,
        "scores": {name: asdict(score) for name, score in run.read_scores().items()},
    }


def write_record(record: dict[str, Any], folder: Path) -> None:
    """Write or replace run.json. In file names, bytes that are not UTF-8 become question marks."""
    path = folder / NAME
    with replace_paths(path) as [part]:
        content = json.dumps(record, indent=1, default=str, ensure_ascii=False)
        part.write_text(f"{content}\n", "utf-8", "replace")
        if path.exists():
            shutil.copymode(path, part)


def clean_note(note: str) -> str:
    """Return a note as one line of at most MAX_NOTE printable characters."""
    return plain(note.strip(), MAX_NOTE)


def read_record(folder: Path) -> Record:
    """Read a run's record. Raises FileNotFoundError if the run has no record, or ValueError if it is invalid."""
    path = folder / NAME
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file; create a run with `{PROGRAM} run`")
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
    settings, again = get(content, "settings", dict), content.get("held_out_again")
    record = Record(
        folder=folder,
        note=clean_note(note),
        state=plain(get(content, "state", str), 40),
        started=started.astimezone(datetime.UTC),
        seconds=get_number(content, "seconds"),
        submission=get(content, "submission.path", str),
        submission_sha256=get(content, "submission.sha256", str),
        hyperparameters=get({"hyperparameters": {}} | settings, "hyperparameters", dict),
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
        recomputed_held_out=None if again is None else get_number(again, "score"),
        recomputed_groups=0 if again is None else get({"groups": 0} | again, "groups", int),
        # records of earlier versions have none
        training_seconds=get_optional_number({"training_seconds": None} | settings, "training_seconds") or JOB_SECONDS,
        host_findings=None,
    )
    return replace(record, host_findings=_host_findings(content, record)) if "host_findings" in content else record


def _host_findings(content: Any, record: Record) -> tuple[str, ...]:
    findings = [f"{get(each, 'code', str)} {get(each, 'text', str)}" for each in get(content, "host_findings", list)]
    score, recomputed, groups = record.scores.get(HELD_OUT), record.recomputed_held_out, record.recomputed_groups
    if score and recomputed is not None and is_overstated(score.value, recomputed, score.weights_scored, groups):
        findings.append(f"RC703 the unverified held-out score is {score.value:.3f}, but {recomputed:.3f} recomputed")
    return tuple(plain(finding, MAX_REASON) for finding in findings)


def _step(content: Any) -> Step:
    name = get(content, "name", str)
    if name not in STEPS:  # the name becomes part of a path
        raise ValueError(f"unknown step {name[:40]!r}")
    return Step(
        name=name,
        kind=get(content, "kind", str, type(None)),
        state=plain(get(content, "state", str), 40),
        start_time=get_optional_number(content, "began") if "began" in content else None,
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
    """Return the challenge that a run folder's score.py defines, or the current challenge if that file is missing.

    Raises ValueError if the run was scored with a different file.
    """
    path = record.folder / SCORE_SCRIPT
    if not path.is_file():
        return challenge()
    content = read_script(path)
    if hashlib.sha256(content).hexdigest() != record.score_sha256:
        raise ValueError(f"{path}: the run was scored with a different file")
    return parse_challenge(content, path)


def find_public(record: Record, public: Path | None = None) -> Path:
    """Return the path of a run's public data file. public: its current path, if it has moved.

    Raises FileNotFoundError if the file is missing, or ValueError if its content has changed.
    """
    recorded, sha256 = record.data["public"]
    path = public or record.started_in / recorded
    if not path.is_file():
        raise FileNotFoundError(f"{path}: the run's public data file is missing; pass its path with --public")
    if sha256 and sha256_of(path) != sha256:
        raise ValueError(f"{path}: the run was trained on a different file; pass that file with --public")
    return path


def write_note(folder: Path, note: str) -> str:
    """Replace a run's note and return the new note; an empty note removes it. Raises the errors of `read_record`."""
    note = clean_note(note)
    _replace(folder, "note", note)
    return note


def write_recomputed_held_out(folder: Path, score: float, command: str, groups: int) -> None:
    """Record the held-out score that a recore command has recomputed.

    command: this command. groups: the number of drill holes in the data.

    Raises the errors of `read_record`, and ValueError if the score is not finite.
    """
    if not math.isfinite(score):
        raise ValueError(f"{folder}: the held-out score is {score}, not a finite number")
    _replace(folder, "held_out_again", {"score": float(score), "command": command, "groups": groups})


def _replace(folder: Path, member: str, value: Any) -> None:
    read_record(folder)
    record = read_object(folder / NAME)
    record[member] = value
    write_record(record, folder)
