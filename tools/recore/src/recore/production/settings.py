"""Read config.json: names, S3 locations and instance types of a model in production. Every setting has a default."""

import difflib
import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from recore.backends import IMAGE
from recore.untrusted_json import prefix_errors, read_object

MAX_BYTES = 1 << 20
APPROVAL = ("Approved", "PendingManualApproval", "Rejected")
PATTERNS = (  # the end of a setting's name, a pattern of its values, and a message
    # names of models and configurations begin with these names, and have at most 63 characters
    (
        "_name",
        r"(?=.{1,40}\Z)[a-zA-Z0-9](-?[a-zA-Z0-9])*",
        "expected a name of at most 40 letters, digits and single hyphens",
    ),
    ("_instance_type", r"ml\.\w+\.\w+", "expected an instance type, such as ml.m5.xlarge"),
    ("model_approval_status", "|".join(APPROVAL), f"expected one of {', '.join(APPROVAL)}"),
    ("default_bucket", r"|[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", "expected the name of a bucket"),
    (
        "role_arn",
        r"|arn:aws[a-z-]*:iam::\d{12}:role/\S+",
        "expected the ARN of a role, such as arn:aws:iam::111122223333:role/Jobs",
    ),
    ("prefix", r"(?!\.)[\w.-]+(/(?!\.)[\w.-]+)*", "expected a key prefix on S3, without a slash at either end"),
    ("input_data", r"|s3://[^/]+/.+", "expected a URI, such as s3://BUCKET/FOLDER"),
)


@dataclass(frozen=True)
class Settings:
    """The settings in config.json, whose keys are these names in capitals. docs/serve.md explains the settings.

    If empty: the simulator's default_bucket and role_arn are used, input data are uploaded, and images equal `image`.
    """

    default_bucket: str = ""
    role_arn: str = ""
    prefix: str = "production"
    input_data: str = ""
    pipeline_name: str = "core-assays"
    model_package_group_name: str = "core-assays"
    endpoint_name: str = "core-assays"
    image: str = IMAGE
    training_image: str = ""
    model_image: str = ""
    model_approval_status: str = "PendingManualApproval"
    minimum_score: float = 0.0
    processing_instance_type: str = "ml.m5.xlarge"
    processing_instance_count: int = 1
    training_instance_type: str = "ml.m5.xlarge"
    create_model_instance_type: str = "ml.m5.large"
    endpoint_instance_count: int = 1
    batch_transform_instance_type: str = "ml.m5.xlarge"
    batch_transform_instance_count: int = 1


def read_settings(path: Path | None) -> Settings:
    """Read a config.json, by default the working directory's, if any. Raises ValueError or FileNotFoundError."""
    file = path or Path("config.json")
    if path is None and not file.exists():
        return Settings()
    if not file.exists():
        raise FileNotFoundError(f"{file}: there is no such file; without --config, every setting has its default")
    with prefix_errors(file):
        content = read_object(file, MAX_BYTES)
    return Settings(**dict(_read_setting(file, key, value) for key, value in content.items()))


def _read_setting(file: Path, key: str, value: Any) -> tuple[str, Any]:
    kinds: dict[str, Any] = {field.name.upper(): field.type for field in fields(Settings)}
    if key not in kinds:
        similar = difflib.get_close_matches(key.upper(), kinds, 1, 0.5)
        raise ValueError(f"{file}: unknown setting {key[:60]!r}" + (f"; did you mean {similar[0]}?" if similar else ""))
    name, kind = key.lower(), kinds[key]
    allowed = (int, float) if kind is float else kind
    if isinstance(value, bool) or not isinstance(value, allowed):
        expected = {str: "a string", int: "an integer", float: "a number"}[kind]
        raise ValueError(f"{file}: {key} is {value!r:.60}; expected {expected}")
    if problem := _find_problem(name, value):
        raise ValueError(f"{file}: {key} is {value!r:.60}; {problem}")
    return name, float(value) if kind is float else value


def _find_problem(name: str, value: Any) -> str:
    for end, pattern, message in PATTERNS:
        if name.endswith(end) and not re.fullmatch(pattern, value, re.ASCII):
            return message
    if name.endswith("_count") and not 1 <= value <= 100:
        return "expected a number from 1 to 100"
    if name == "minimum_score" and not abs(value) < 1e300:
        return "expected a finite number"
    return ""
