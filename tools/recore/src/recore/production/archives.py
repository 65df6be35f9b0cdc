"""Write a version's two archives from the model in a run or a handover, without executing the submission.

A handover does not contain the host's training file. Instead, channels.json lists the file's columns, domain.json
describes its spectra, and expected_error.json the errors of held-out predictions. The last two may be missing.
"""

import ast
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recore import evaluation
from recore.challenge import challenge
from recore.data_file import compress_csv, read_header
from recore.production.client_spectra import explain_unmonitored
from recore.production.containers import domain, expected_error, features
from recore.production.handover_files import (
    ARCHIVE,
    CHANNELS,
    CONTENTS,
    ERRORS,
    REFERENCE,
    list_verified_files,
    parse_columns,
    read_errors,
    read_reference,
)
from recore.production.project import ProductionError
from recore.production.sources import DOMAIN, FEATURES, REQUIREMENTS, challenge_file, model_programs, read_programs
from recore.untrusted_archives import read_files
from stagemaker import locked

MAX_SCRIPT_BYTES = 4 << 20
HOOKS = ("input_fn", "transform_fn")  # train.py needs one of them, because the image's default cannot read a header


@dataclass(frozen=True)
class TrainedModel:
    """The model in a run or a handover.

    columns: the training file's columns. reference: the reference fitted to its spectra, or None if spectra cannot be
    compared. errors: the calibration of expected errors, or None without held-out predictions. reasons: why `reference`
    or `errors` is missing, by file name.
    """

    folder: Path
    record: evaluation.Record
    columns: list[str]
    reference: domain.Reference | None
    errors: dict[str, Any] | None
    data_sha256: str
    reasons: Mapping[str, str]

    @property
    def archive(self) -> Path:
        return self.folder / ARCHIVE

    @property
    def notes(self) -> list[str]:
        """Lines that state what the version's responses will lack or why it cannot be monitored."""
        consequences = {
            REFERENCE: "responses will not contain the domain, and the model cannot be monitored",
            ERRORS: "responses will contain neither expected errors nor intervals",
        }
        unmonitored = explain_unmonitored(self.reference) if self.reference else ""
        notes = [f"{consequences[name]}: {reason}" for name, reason in self.reasons.items()]
        return notes + ([f"the model cannot be monitored: {unmonitored}"] if unmonitored else [])

    def data_files(self) -> dict[str, str]:
        """Return the contents, by name, of the handover's files that describe the training file."""
        files = {CHANNELS: {"columns": self.columns}, REFERENCE: self.reference, ERRORS: self.errors}
        return {name: json.dumps(content) for name, content in files.items() if content}

    def write_archives(self, folder: Path) -> tuple[Path, Path]:
        """Write the archives of the features and model containers to a folder, and return their paths.

        Raises ValueError if the model's archive cannot be read, or if its code lacks a required function.
        """
        scripts = ("code/preprocess.py", "code/train.py")
        files = read_files(self.archive, (*scripts, f"code/{REQUIREMENTS}"), MAX_SCRIPT_BYTES)
        for name in scripts:
            if name not in files:
                raise ProductionError(f"{self.archive} does not contain {name}")
        preprocess, train = (files[name] for name in scripts)
        if missing := find_missing_hook(preprocess, train):
            raise ProductionError(f"{self.folder}: {missing}, which `predict` and `production` call")
        requirements = files.get(f"code/{REQUIREMENTS}")
        added = {f"code/{name}": content for name, content in model_programs(requirements).items()}
        if self.errors:
            added[ERRORS] = json.dumps(self.errors).encode()
        model, packed = folder / ARCHIVE, folder / "features.tar.gz"
        evaluation.extend_archive(self.archive, model, added, moved={"code": "code/submission"})
        code = read_programs((*FEATURES, *DOMAIN)) | challenge_file() | {"preprocess.py": preprocess}
        features.write_archive(self.columns, self.reference, code, packed)
        return packed, model


def read_model(folder: Path, public: Path | None = None) -> TrainedModel:
    """Read the model in a run or a handover. Raises ProductionError, ValueError or OSError.

    public: the run's data file, if the file has moved.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: there is no such folder; pass a run or a handover")
    if (folder / CONTENTS).is_file():
        return _read_handover(folder)
    if not (folder / "run.json").is_file():
        raise FileNotFoundError(f"{folder} is neither a run (with a run.json) nor a handover (with a {CONTENTS})")
    record = evaluation.read_record(folder)
    if not (folder / ARCHIVE).is_file():
        raise ProductionError(f"{folder}: the run has no {ARCHIVE} ({record.result})")
    return make_trained_model(folder, record, evaluation.find_public(record, public))


def make_trained_model(folder: Path, record: evaluation.Record, data: Path) -> TrainedModel:
    """Return the model of a run, with the reference and calibration from its public data file."""
    reference, errors, reasons = None, None, dict[str, str]()
    with compress_csv(data) as packed:
        try:
            reference = domain.fit_file(packed, challenge().group)
        except domain.DomainError as error:
            reasons[REFERENCE] = str(error)
        try:
            errors = _calibrate(folder / ARCHIVE, packed)
        except expected_error.CalibrationError as error:
            reasons[ERRORS] = str(error)
    sha256 = record.data["public"][1] or evaluation.sha256_of(data)
    return TrainedModel(folder, record, read_header(data), reference, errors, sha256, reasons)


def _calibrate(model: Path, data: Path) -> dict[str, Any]:
    try:
        content = evaluation.read_held_out_bytes(model)
    except evaluation.NoHeldOutScoreError as error:
        raise expected_error.CalibrationError(str(error)) from None
    with locked.temporary_folder("recore-held-out-") as name:
        held_out = Path(name, evaluation.HELD_OUT_NAME)
        held_out.write_bytes(content)
        return expected_error.calibrate_files(held_out, data, challenge().targets, challenge().group)


def _read_handover(folder: Path) -> TrainedModel:
    file_names = list_verified_files(folder)
    reference = read_reference(folder / REFERENCE) if REFERENCE in file_names else None
    errors = read_errors(folder / ERRORS) if ERRORS in file_names else None
    record = evaluation.read_record(folder)
    columns = parse_columns((folder / CHANNELS).read_bytes(), folder / CHANNELS)
    sha256 = record.data["public"][1] or ""
    reasons = {name: f"the handover has no {name}" for name in (REFERENCE, ERRORS) if name not in file_names}
    return TrainedModel(folder, record, columns, reference, errors, sha256, reasons)


def find_missing_hook(preprocess: bytes, train: bytes) -> str:
    """Return a message about a required function that a submission lacks, or "" if it lacks none."""
    if not _binds(preprocess, "preprocess"):
        return "its preprocess.py has no function preprocess(data_file)"
    if not any(_binds(train, name) for name in HOOKS):
        return "its train.py has no function input_fn(body, content_type)"
    return ""


def _binds(script: bytes, name: str) -> bool:
    """Return whether a script binds a name, or True if the script cannot be parsed."""
    try:
        nodes = list(ast.walk(ast.parse(script)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return True
    names = {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    names |= {alias.asname or alias.name for node in nodes if isinstance(node, ast.ImportFrom) for alias in node.names}
    names |= {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return bool({name, "*"} & names)
