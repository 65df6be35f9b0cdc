"""The source files of the pipeline's jobs and of a version's two containers.

The job *features*, and code/ in its archive, contain FEATURES, DOMAIN and the submission's preprocess.py. The training
job, and code/ in its archive, contain MODEL, the submission's requirements.txt, and its files below submission/. Both
jobs and archives contain CHALLENGE. The job *evaluate* contains EVALUATE and the host's score.py.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from recore.challenge import challenge, score_script
from recore.evaluation import SubmissionFiles, pack_files
from recore.production.project import ProductionProject

PROGRAMS = Path(__file__).with_name("containers")
FEATURES = ("features.py",)
NOTES = "row_notes.py"  # in both containers
DOMAIN = ("domain.py", NOTES)
MODEL = ("model.py", "expected_error.py", NOTES)
EVALUATE = ("evaluate.py",)
ARCHIVE = "sourcedir.tar.gz"  # the SDK's name for the code of a job without network
REQUIREMENTS = "requirements.txt"
CHALLENGE = "challenge.json"  # in both containers


@dataclass(frozen=True)
class Sources:
    """S3 folders with the code of the pipeline's jobs. submission: a digest of the submission."""

    features: str
    challenge: str
    domain: str
    preprocess: str
    training: str
    evaluate: str
    score: str
    submission: str


def read_programs(names: Iterable[str]) -> dict[str, bytes]:
    """Return the contents of these programs, by name."""
    return {name: (PROGRAMS / name).read_bytes() for name in names}


def challenge_file() -> dict[str, bytes]:
    """Return {CHALLENGE: content}, the file that describes the challenge to the containers."""
    known = challenge()
    units = {name: known.unit(name) for name in known.targets}
    return {CHALLENGE: json.dumps({"ids": known.ids, "group": known.group, "units": units}).encode()}


def model_programs(requirements: bytes | None) -> dict[str, bytes]:
    """Return the files of the model container: programs, CHALLENGE and the submission's requirements.txt, if any."""
    return read_programs(MODEL) | challenge_file() | ({} if requirements is None else {REQUIREMENTS: requirements})


def upload_sources(project: ProductionProject, files: SubmissionFiles) -> Sources:
    """Upload the code of the pipeline's jobs, and return its S3 folders."""
    submission = {f"submission/{name}": content for name, content in files.files.items()}
    archive = pack_files(model_programs(files.files.get(REQUIREMENTS)) | submission)
    return Sources(
        challenge=project.upload("code/challenge", challenge_file()),
        features=project.upload("code/features", read_programs(FEATURES)),
        domain=project.upload("code/domain", read_programs(DOMAIN)),
        preprocess=project.upload("code/preprocess", {"preprocess.py": files.script}),
        training=project.upload("code/training", {ARCHIVE: archive}),
        evaluate=project.upload("code/evaluate", read_programs(EVALUATE)),
        score=project.upload("code/score", {"score.py": score_script().read_bytes()}),
        submission=files.sha256,
    )
