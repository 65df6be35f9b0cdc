"""Read and check the run to hand over, and its data file. The submission's code is not executed."""

import hashlib
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from recore.challenge import read_script, score_script
from recore.distribution import PROGRAM
from recore.evaluation import HELD_OUT, MAX_SIZE, SCORES, SPLITS, Instances, Record, SubmissionFiles, find_public
from recore.evaluation import read_record as read_valid_record
from recore.production.archives import TrainedModel, make_trained_model
from recore.spectral_data import SpectralData, read_data
from recore.text import plain
from recore.untrusted_archives import open_archive
from recore.untrusted_json import get, prefix_errors, read_object

MODEL, SCORE, RECORD = "model.tar.gz", "score.py", "run.json"
SUBMISSION, DATA = "submission", "data"  # folders of a handover; the reader creates the second
RESULTS = {  # files in a run's folders that are handed over
    "predictions": [*(f"{split}.csv.out" for split in SPLITS), f"{HELD_OUT}.csv"],
    "scores": [f"{name}.{suffix}" for name in SCORES for suffix in ("json", "txt")],
}
RESULT_FILES = [f"{folder}/{name}" for folder, names in RESULTS.items() for name in names]
MAX_MEMORY = 1 << 60  # bytes
RUN_AGAIN = f"run it again with `{PROGRAM} run`"


@dataclass(frozen=True)
class HandoverRun:
    """A run to hand over. record: the checked members of run.json. raw: all members. data: the contents of `public`."""

    record: Record
    raw: dict[str, Any]
    submission: SubmissionFiles
    score_script: bytes
    public: Path
    data: SpectralData

    @property
    def folder(self) -> Path:
        return self.record.folder

    @property
    def model(self) -> Path:
        return self.folder / MODEL

    @cached_property
    def trained(self) -> TrainedModel:
        return make_trained_model(self.folder, self.record, self.public)

    @property
    def results(self) -> list[str]:
        return [name for name in RESULT_FILES if (self.folder / name).is_file()]

    @property
    def instances(self) -> dict[str, Instances]:
        """The instances that the example request needs, by job, with the run's instance types."""
        return {job: Instances(str(self.raw["settings"][job]["type"])) for job in ("processing", "transform")}

    @property
    def ran_locally(self) -> bool:
        """Whether the jobs ran as local processes, with the same Python and packages as the command."""
        is_embedded = not self.record.endpoint.startswith(("http://", "https://"))
        return is_embedded and self.raw.get("arguments", {}).get("engine") == "process"

    @property
    def data_paths(self) -> dict[str, str]:
        """The data files' paths in the handover, by name. They end in .csv or .csv.gz."""
        paths = {name: Path(file["path"]) for name, file in self.raw["data"].items()}
        return {name: f"{DATA}/{name}.csv{'.gz' if path.suffix == '.gz' else ''}" for name, path in paths.items()}

    @property
    def portable_record(self) -> dict[str, Any]:
        """The contents of run.json, with paths in the handover instead of the author's, and without failure reasons."""
        paths = {"submission": SUBMISSION} | self.data_paths
        arguments = {
            name: value if value is None else paths.get(name, Path(value).name if _is_outside(value) else value)
            for name, value in self.raw.get("arguments", {}).items()
        }
        return self.raw | {
            "folder": ".",
            "arguments": arguments,
            "submission": self.raw["submission"] | {"path": SUBMISSION},
            "data": {name: file | {"path": paths[name]} for name, file in self.raw["data"].items()},
            "steps": [step | {"reason": None} for step in self.raw["steps"]],  # reasons can quote a path
        }

    @property
    def versions(self) -> dict[str, str]:
        """The known versions in run.json, including Python's and the operating system's."""
        versions: dict[str, Any] = self.raw["versions"]
        return {name: str(version) for name, version in versions.items() if version is not None}


def read_run(folder: Path, public: Path | None = None) -> HandoverRun:
    """Read a run to hand over. public: the data file's path, if it has moved. Raises ValueError or OSError."""
    _reject_links(folder)
    record = read_valid_record(folder)
    if record.state != "Completed":
        raise ValueError(f"{folder}: this run is not complete ({plain(record.result)}); {RUN_AGAIN}")
    record.require_defaults()
    for name in (MODEL, "predictions/public.csv.out"):
        if not (folder / name).is_file():
            raise FileNotFoundError(f"{folder}: the run has no {name}; {RUN_AGAIN}")
    with prefix_errors(folder / RECORD, "not a valid run record: "):
        raw = read_object(folder / RECORD)
        _check_record(raw)
    script = _read_score_script(record)
    submission = _read_submission(folder / MODEL, record)
    path = find_public(record, public)
    if not record.data["public"][1]:
        raise ValueError(f"{folder / RECORD}: the hash of the public data file is missing; {RUN_AGAIN}")
    return HandoverRun(record, raw, submission, script, path, read_data(path))


def _read_score_script(record: Record) -> bytes:
    """Return the score.py stored in a run or, if an earlier version of recore did not store it, the current one."""
    path = record.folder / SCORE
    if not path.is_file():
        path = score_script()
    content = read_script(path)
    if hashlib.sha256(content).hexdigest() != record.score_sha256:
        raise ValueError(f"{path}: the run was scored with a different version of this file; {RUN_AGAIN}")
    return content


def _is_outside(value: Any) -> bool:
    return isinstance(value, str) and (Path(value).is_absolute() or ".." in Path(value).parts)


def _reject_links(folder: Path) -> None:
    """Raise ValueError if a file of the run is a symbolic link, which could point to a private file."""
    for name in (RECORD, MODEL, SCORE, *RESULTS, *RESULT_FILES):
        if (folder / name).is_symlink():
            raise ValueError(f"{folder / name}: a symbolic link cannot be handed over; replace it with the file")


def _check_record(raw: dict[str, Any]) -> None:
    """Raise ValueError if a member of run.json that read_record() does not check is invalid."""
    for name in (*(f"data.{name}.path" for name in raw["data"]), "versions.python", "versions.platform"):
        get(raw, name, str)
    for name in ("arguments", "seeds", "machine"):
        if name in raw:
            get(raw, name, dict)
    memory = raw.get("machine", {}).get("memory_bytes", 0)
    if not isinstance(memory, int) or not 0 <= memory < MAX_MEMORY:
        raise ValueError("`machine.memory_bytes` is not a number of bytes")


def _read_submission(model: Path, record: Record) -> SubmissionFiles:
    files, size = {}, 0
    with open_archive(model) as members:
        for member, content in members:
            top, _, name = os.path.normpath(member.name).partition("/")
            if top != "code" or not content:
                continue
            size += member.size
            if size > MAX_SIZE:
                raise ValueError(f"its code is larger than {MAX_SIZE >> 20} MB")
            files[name] = content.read()
    submission = SubmissionFiles(model, files)
    if submission.sha256 != record.submission_sha256:
        raise ValueError(f"{model}: its code differs from the submission in run.json; {RUN_AGAIN}")
    return submission
