"""Registers the model of a run as a version, without training it again. Nothing of the submission is executed."""

import json
import re
import tempfile
from pathlib import Path
from typing import Any

from recore.data_file import as_csv_gz, read_header
from recore.evaluation import (
    HELD_OUT,
    HELD_OUT_NAME,
    Record,
    extend_archive,
    find_public,
    read_member,
    read_record,
    sha256_of,
)
from recore.production.containers import domain, expected_error, features
from recore.production.definition import package_arguments
from recore.production.endpoints import suggest_next
from recore.production.project import Outcome, ProductionError, ProductionProject
from recore.production.sources import DOMAIN, FEATURES, REQUIREMENTS, model_programs, read_programs
from recore.production.versions import ensure_group, list_versions, read_version
from recore.schema import TARGETS

ARCHIVE = "model.tar.gz"


def register(project: ProductionProject, run: Path, public: Path | None = None) -> Outcome:
    """Register the model of a run's folder. public: its public data file, if that has moved.

    Raises ProductionError, ValueError or OSError if the run has no model, or its data file is missing or another one.
    """
    record, model = read_record(run), run / ARCHIVE
    if not model.is_file():
        raise ProductionError(f"{run}: the run has no {ARCHIVE}: {record.result}")
    data = find_public(record, public)
    preprocess = read_member(model, "code/preprocess.py")
    if preprocess is None:
        raise ProductionError(f"{model}: there is no code/preprocess.py in it")
    evaluation = _describe_scores(record)
    requirements = read_member(model, f"code/{REQUIREMENTS}")
    added = {f"code/{name}": content for name, content in model_programs(requirements).items()}
    with as_csv_gz(data) as packed_data, tempfile.TemporaryDirectory(prefix="recore-register-") as name:
        wrapped = Path(name, ARCHIVE)
        added |= _calibrate(model, packed_data, Path(name))
        extend_archive(model, wrapped, added, moved={"code": "code/submission"})
        model_uri = f"{project.upload_file('versions/model', wrapped, ARCHIVE)}/{ARCHIVE}"
        packed = Path(name, "features.tar.gz")
        code = read_programs((*FEATURES, *DOMAIN)) | {"preprocess.py": preprocess}
        reference, notes = _fit_reference(packed_data)
        features.write_archive(read_header(data), reference, code, packed)
        features_uri = f"{project.upload_file('versions/features', packed, ARCHIVE)}/{ARCHIVE}"
    for version in list_versions(project):
        if version.archives == [features_uri, model_uri]:
            line = (
                f"version {version.number} of {project.settings.model_package_group_name} was already made from {run}"
            )
            return Outcome([f"{line}; nothing changed"], {"version": version.describe()}, "list", changed=False)
    ensure_group(project)
    evaluation_uri = f"{project.upload('versions/evaluation', {'evaluation.json': evaluation})}/evaluation.json"
    metadata = {
        "submission_sha256": record.submission_sha256,
        "input_data": sha256_of(data),
        "run": _metadata_value(str(run)),
    }
    approval = project.settings.model_approval_status
    arguments = package_arguments(project, features_uri, model_uri, evaluation_uri, approval, metadata)
    package = project.sagemaker.create_model_package(**arguments)
    version = read_version(project, package["ModelPackageArn"])
    name = f"version {version.number} of {project.settings.model_package_group_name}"
    line = f"{run} is {name}, {version.approval}, {version.score_text}"
    return Outcome([line, *notes], {"version": version.describe()}, suggest_next(project, version))


def _calibrate(model: Path, data: Path, folder: Path) -> dict[str, bytes]:
    """The file with the expected errors; none if the training left no held-out predictions. folder: a temporary one."""
    content = read_member(model, HELD_OUT_NAME)
    if content is None:
        return {}
    held_out = folder / HELD_OUT_NAME
    held_out.write_bytes(content)
    calibration = expected_error.calibrate_files(held_out, data, TARGETS)
    return {"expected_error.json": json.dumps(calibration).encode()}


def _fit_reference(data: Path) -> tuple[domain.Reference | None, list[str]]:
    """What the spectra of the data file look like; None if they cannot be compared, and a line that says why."""
    try:
        return domain.fit_file(data), []
    except domain.DomainError as error:
        return None, [f"answers will not say whether a spectrum is like those of the training: {error}"]


def _describe_scores(record: Record) -> bytes:
    """The evaluation.json of a run, as the pipeline writes it. The score is null if no rows were held out."""
    score = record.scores.get(HELD_OUT)
    content: dict[str, Any] = {"score": {"value": None}}
    if score:
        content = {
            "score": {"value": score.value},
            "rows": score.rows,
            "weights_scored": score.weights_scored,
            "r2": score.r2,
        }
    return json.dumps(content, indent=1).encode()


def _metadata_value(text: str) -> str:
    """The text as a value of a package's metadata, which may hold only some characters."""
    return re.sub(r"[^\w .:/=+@-]", "_", text)[-256:]
