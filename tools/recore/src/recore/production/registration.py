"""Register the model in a run or a handover as a version, without retraining."""

import json
import re
from pathlib import Path
from typing import Any

from recore.evaluation import HELD_OUT, Record
from recore.production.archives import read_model
from recore.production.definition import package_arguments
from recore.production.handover_files import ARCHIVE
from recore.production.project import Outcome, ProductionProject
from recore.production.project_state import suggest_next
from recore.production.versions import ensure_group, list_versions, read_version
from stagemaker import locked


def register(project: ProductionProject, folder: Path, public: Path | None = None) -> Outcome:
    """Register the model in a run or a handover. Raises ProductionError, ValueError or OSError.

    public: the run's data file, if the file has moved.
    """
    trained_model, group = read_model(folder, public), project.settings.model_package_group_name
    name = str(folder) if folder.name else folder.resolve().name
    trained_model.record.require_defaults()
    evaluation = _format_evaluation(trained_model.record)
    with locked.temporary_folder("recore-register-") as temporary:
        features, model = trained_model.write_archives(Path(temporary))
        features_uri = f"{project.upload_file('versions/features', features, ARCHIVE)}/{ARCHIVE}"
        model_uri = f"{project.upload_file('versions/model', model, ARCHIVE)}/{ARCHIVE}"
    for version in list_versions(project):
        if version.archives == [features_uri, model_uri]:
            line = f"{name} is already version {version.number} of {group}; nothing changed"
            next_step = suggest_next(project, version.number)
            return Outcome([line], {"version": version.describe()}, next_step, changed=False)
    ensure_group(project)
    evaluation_uri = f"{project.upload('versions/evaluation', {'evaluation.json': evaluation})}/evaluation.json"
    metadata = {
        "submission_sha256": trained_model.record.submission_sha256,
        "input_data": trained_model.data_sha256,
        "run": re.sub(r"[^\w .:/=+@-]", "_", name)[-256:],
    }
    approval = project.settings.model_approval_status
    arguments = package_arguments(project, features_uri, model_uri, evaluation_uri, approval, metadata)
    package = project.sagemaker.create_model_package(**arguments)
    version = read_version(project, package["ModelPackageArn"])
    line = f"{name} is version {version.number} of {group}, {version.approval}, {version.score_text}"
    return Outcome([line, *trained_model.notes], {"version": version.describe()}, suggest_next(project, version.number))


def _format_evaluation(record: Record) -> bytes:
    score = record.scores.get(HELD_OUT)
    content: dict[str, Any] = {"score": {"value": score.value if score else None}}
    if score:
        content |= {"rows": score.rows, "weights_scored": score.weights_scored, "r2": score.r2}
    return json.dumps(content, indent=1).encode()
