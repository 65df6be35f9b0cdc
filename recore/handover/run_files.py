"""The run that is handed over, and its data file: read and checked. Nothing of the submission is executed."""

import hashlib
import json
import os
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recore.distribution import PROGRAM, TEMPLATE
from recore.evaluation import LARGEST, Record, SubmissionFiles, find_public
from recore.evaluation import read_record as read_valid_record
from recore.spectral_data import SpectralData, read_data
from recore.text import plain

MODEL, SCORE = "model.tar.gz", "score.py"
AGAIN = f"run it again with `{PROGRAM} run`"


@dataclass(frozen=True)
class HandedRun:
    """record: what is checked of run.json. raw: all of it. public: the data file, hashed. data: its content."""

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

    @property
    def versions(self) -> dict[str, str]:
        """The versions that run.json names, also those of Python and of the system."""
        versions: dict[str, Any] = self.raw["versions"]
        return {name: str(version) for name, version in versions.items() if version is not None}


def read_run(folder: Path, public: Path | None = None) -> HandedRun:
    """Read a run that is to be handed over. public: its public data file, if that has moved.

    Raises ValueError or OSError, in one line, if something that is handed over is missing or not what the run used.
    """
    record = read_valid_record(folder)
    if record.state != "Completed":
        raise ValueError(f"{folder}: this run is not complete ({plain(record.result)}): {AGAIN}")
    for name in (MODEL, "predictions/public.csv.out"):
        if not (folder / name).is_file():
            raise FileNotFoundError(f"{folder}: the run has no {name}: {AGAIN}")
    raw = json.loads((folder / "run.json").read_text("utf-8"))
    if not {"python", "platform"} <= set(raw["versions"]):
        raise ValueError(f"{folder / 'run.json'}: an older recore wrote it, without versions: {AGAIN}")
    score_script = (TEMPLATE / SCORE).read_bytes()
    if hashlib.sha256(score_script).hexdigest() != record.score_sha256:
        raise ValueError(f"{TEMPLATE / SCORE}: the run was scored by another version of this file: {AGAIN}")
    submission = _read_submission(folder / MODEL, record)
    path = find_public(record, public)
    if not record.data["public"][1]:
        raise ValueError(f"{folder / 'run.json'}: the hash of the public data file is missing: {AGAIN}")
    return HandedRun(record, raw, submission, score_script, path, read_data(path))


def _read_submission(model: Path, record: Record) -> SubmissionFiles:
    """The submission's files in the model's archive, which must be those that the run trained."""
    files, size = {}, 0
    try:
        with tarfile.open(model) as archive:
            for member in archive:
                top, _, name = os.path.normpath(member.name).partition("/")
                if top != "code" or not member.isreg():
                    continue
                size += member.size
                if size > LARGEST:
                    raise ValueError(f"its code has more than {LARGEST >> 20} MB")
                content = archive.extractfile(member)
                files[name] = content.read() if content else b""
    except (tarfile.TarError, OSError, EOFError, ValueError) as error:
        raise ValueError(f"{model}: the archive could not be read: {plain(str(error))}") from None
    submission = SubmissionFiles(model, files)
    if submission.sha256 != record.submission_sha256:
        raise ValueError(f"{model}: its code is not the submission that run.json names: {AGAIN}")
    return submission
