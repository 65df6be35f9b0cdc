"""The definition of the pipeline of `recore production`, for comparison with what SageMaker's SDKs write.

The tests of both versions of the SDK build the same pipeline with its own classes, from the constants below. Their
environments do not have the project's packages, so the project's own definition is made in another process: this file
is also a program, which prints it.
"""

import copy
import json
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from stagemaker_support import SEARCH_PATH
from stagemaker_support.sdk import PYTHON, ROOT

ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
BUCKET = "sagemaker-us-east-1-123456789012"
REGISTRY = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn"
IMAGE, TRAINING_IMAGE, MODEL_IMAGE = (f"{REGISTRY}:{tag}-cpu-py3" for tag in ("1.9-0", "1.4-2", "1.2-1"))
# no two values are equal, so that none can stand in another's place
SETTINGS = {
    "prefix": "cores",
    "input_data": f"s3://{BUCKET}/raw",
    "pipeline_name": "cores-pipeline",
    "model_package_group_name": "cores-group",
    "image": IMAGE,
    "training_image": TRAINING_IMAGE,
    "model_image": MODEL_IMAGE,
    "model_approval_status": "Approved",
    "minimum_score": 0.25,
    "processing_instance_type": "ml.m5.xlarge",
    "processing_instance_count": 2,
    "training_instance_type": "ml.c5.xlarge",
    "create_model_instance_type": "ml.m5.large",
    "batch_transform_instance_type": "ml.m5.2xlarge",
}
BASE = f"s3://{BUCKET}/cores/cores-group"
FOLDERS = ("features", "domain", "preprocess", "training", "evaluate", "score")
SOURCES = {name: f"{BASE}/code/{name}/0a1b" for name in FOLDERS}
SUBMISSION = "5e" * 32  # the digest of the submission
HYPERPARAMETERS = {"alphas": 11, "alpha_min": 0.5}
PROCESSING = "/opt/ml/processing"
ENVIRONMENT = {"PYTHONHASHSEED": "0"}
SERVING_ENVIRONMENT = ENVIRONMENT | {
    "PIP_NO_BUILD_ISOLATION": "0",
    "SAGEMAKER_MODEL_SERVER_TIMEOUT": "600",
    "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
    "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "text/csv",
}
METRIC = {"name": "validation:r2", "regex": "validation:r2=([-.0-9]+)"}
CONTENT_TYPES = ["text/csv", "application/json"]
LOW_SCORE = "the score of held-out drill holes is below the setting MINIMUM_SCORE,"

# the arguments of the two processing steps
FEATURES_ARGUMENTS = [
    *("--input", f"{PROCESSING}/input/data/public.csv.gz"),
    *("--preprocess", f"{PROCESSING}/input/preprocess/preprocess.py"),
    *("--domain", f"{PROCESSING}/input/domain/domain.py"),
    *("--output", f"{PROCESSING}/output/model"),
]
EVALUATE_ARGUMENTS = [
    *("--model", f"{PROCESSING}/input/model/model.tar.gz"),
    *("--data", f"{PROCESSING}/input/data/public.csv.gz"),
    *("--score", f"{PROCESSING}/input/score/score.py"),
    *("--output", f"{PROCESSING}/output/evaluation"),
]


@dataclass(frozen=True)
class Default:
    """A value that an SDK writes and the project leaves out. path: a pattern in which # is a number."""

    path: str
    value: Any
    reason: str


DEFAULTS = [
    Default("Steps/#/Arguments/ProcessingInputs/#/AppManaged", False, "the API's default"),
    Default("Steps/#/Arguments/ProcessingOutputConfig/Outputs/#/AppManaged", False, "the API's default"),
    Default("Steps/#/Arguments/ProcessingInputs/#/S3Input/S3CompressionType", "None", "the API's default"),
    Default("Steps/#/Arguments/InputDataConfig/#/InputMode", "File", "the job's TrainingInputMode says so"),
    Default("Steps/#/Arguments/OutputDataConfig/CompressionType", "GZIP", "the API's default"),
    Default("Steps/#/Arguments/HyperParameters/sagemaker_container_log_level", "20", "the toolkit's default, INFO"),
    Default("Steps/#/Arguments/HyperParameters/sagemaker_region", '"us-east-1"', "for code on S3; a channel has it"),
    Default("Steps/#/Arguments/ProfilerConfig/DisableProfiler", True, "none is asked for"),
    Default("Steps/#/Arguments/IfSteps/#/Arguments/ModelMetrics/Bias", {}, "it is empty"),
    Default("Steps/#/Arguments/IfSteps/#/Arguments/ModelMetrics/Explainability", {}, "it is empty"),
    Default("Steps/#/Arguments/IfSteps/#/Arguments/SkipModelValidation", "None", "the API's default"),
    Default("MlflowConfig", None, "MLflow is not used"),
    Default("PipelineExperimentConfig", None, "an experiment for each execution would be left behind"),
]


@dataclass(frozen=True)
class Spelling:
    """A value that an SDK writes in another way. path: as above. written: a pattern, whose group 1 is the project's."""

    path: str
    written: str
    reason: str


SPELLINGS = [
    Spelling("Steps/#/Arguments/IfSteps/#/Name", r"(\w+)-\1", "version 2 adds the kind to the names of model steps"),
]


def make_own() -> dict[str, Any]:
    """Return the definition that the project makes."""
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(ROOT / "tools/recore/tests"), str(ROOT / "tests"), SEARCH_PATH])
    }
    printed = subprocess.run([PYTHON, __file__], cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    definition: dict[str, Any] = json.loads(printed.stdout)
    return definition


def check_same(written: dict[str, Any]) -> None:
    """Check that the definition that an SDK wrote equals the project's, and that any other value would be noticed."""
    own = flatten(make_own())
    assert normalise(written) == own
    for path, changed in change_each(written):
        assert normalise(changed) != own, path


def normalise(written: dict[str, Any]) -> dict[str, Any]:
    """Return an SDK's definition as the project would write it: values by their paths."""
    leaves = flatten(written)
    for default in DEFAULTS:
        for path in find(leaves, default.path):
            if leaves[path] == default.value and type(leaves[path]) is type(default.value):
                del leaves[path]
    for spelling in SPELLINGS:
        for path in find(leaves, spelling.path):
            if isinstance(leaves[path], str) and (match := re.fullmatch(spelling.written, leaves[path])):
                leaves[path] = match[1]
    return leaves


def flatten(value: Any, path: str = "") -> dict[str, Any]:
    """Return the values in JSON by their paths, such as Steps/0/Name. An empty object or list is a value."""
    if not value or not isinstance(value, dict | list):
        return {path: value}
    members = value.items() if isinstance(value, dict) else enumerate(value)
    leaves: dict[str, Any] = {}
    for name, member in members:
        leaves |= flatten(member, f"{path}/{name}" if path else str(name))
    return leaves


def find(leaves: dict[str, Any], pattern: str) -> list[str]:
    """Return the paths that match a pattern."""
    expression = re.compile(re.escape(pattern).replace(r"\#", r"\d+"))
    return [path for path in leaves if expression.fullmatch(path)]


def change_each(definition: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield for each value its path, and a copy of the definition in which that value is another one."""
    for path in flatten(definition):
        changed = copy.deepcopy(definition)
        *parents, name = path.split("/")
        place: Any = changed
        for parent in parents:
            place = place[int(parent)] if isinstance(place, list) else place[parent]
        place[int(name) if isinstance(place, list) else name] = "another value"
        yield path, changed


def print_own() -> None:
    from recore.production.definition import make_definition
    from recore.production.project import ProductionProject
    from recore.production.settings import Settings
    from recore.production.sources import Sources

    project: Any = ProductionProject(None, Settings(**SETTINGS), BUCKET, ROLE)
    print(make_definition(project, Sources(**SOURCES, submission=SUBMISSION), HYPERPARAMETERS))


if __name__ == "__main__":
    print_own()
