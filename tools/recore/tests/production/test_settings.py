"""config.json, and the backend on which the commands run."""

import json
from pathlib import Path

import pytest
from recore_support.command import recore, usage_error

from recore.production.settings import Settings, read_settings


def write(folder: Path, content: object) -> Path:
    file = folder / "config.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return file


def test_every_setting_has_a_default_that_is_valid(tmp_path: Path) -> None:
    defaults = Settings()
    content = {name.upper(): value for name, value in vars(defaults).items()}
    assert read_settings(write(tmp_path, content)) == defaults


def test_a_file_changes_only_the_settings_it_contains(tmp_path: Path) -> None:
    settings = read_settings(write(tmp_path, {"PREFIX": "a/b", "MINIMUM_SCORE": 1}))
    assert settings == Settings(prefix="a/b", minimum_score=1.0)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"PREFX": "a"}, "unknown setting 'PREFX'; did you mean PREFIX?"),
        ({"prefix": "a"}, "unknown setting 'prefix'; did you mean PREFIX?"),
        ({"COLOUR": "a"}, "unknown setting 'COLOUR'"),
        ({"PREFIX": 1}, "PREFIX is 1; expected a string"),
        ({"MINIMUM_SCORE": float("nan")}, "expected a finite number"),
        ({"ROLE_ARN": "me"}, "expected the ARN of a role"),
        ({"DEFAULT_BUCKET": "My_Bucket"}, "expected the name of a bucket"),
        ({"PREFIX": ".."}, "expected a key prefix on S3"),
        ({"PREFIX": "/a"}, "PREFIX is '/a'; expected a key prefix on S3, without a slash at either end"),
        ({"ENDPOINT_NAME": "a_b"}, "ENDPOINT_NAME is 'a_b'; expected a name of at most 40 letters"),
        ({"ENDPOINT_NAME": "a" * 41}, "a name of at most 40 letters"),
        ({"TRAINING_INSTANCE_TYPE": "m5.large"}, "expected an instance type, such as ml.m5.xlarge"),
        ({"PROCESSING_INSTANCE_COUNT": 0}, "expected a number from 1 to 100"),
        ({"PROCESSING_INSTANCE_COUNT": True}, "PROCESSING_INSTANCE_COUNT is True; expected an integer"),
        ({"MINIMUM_SCORE": "0.5"}, "MINIMUM_SCORE is '0.5'; expected a number"),
        ({"MODEL_APPROVAL_STATUS": "approved"}, "expected one of Approved, PendingManualApproval, Rejected"),
        ({"INPUT_DATA": "data/public"}, "expected a URI, such as s3://BUCKET/FOLDER"),
        ([], "an object is required"),
        ("{", "this is not valid JSON"),
        ("[" * 100_000, "this is not valid JSON"),
        ("", "this is not valid JSON"),
    ],
)
def test_an_invalid_file_is_rejected_in_one_line(content: object, reason: str, tmp_path: Path) -> None:
    result = recore("production", "list", cwd=write(tmp_path, content).parent, AWS_ENDPOINT_URL="http://127.0.0.1:1")
    line = usage_error(result)
    assert line.startswith("recore: config.json: ")
    assert reason in line


def test_a_specified_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="there is no such file"):
        read_settings(tmp_path / "other.json")


@pytest.mark.parametrize(
    ("words", "url", "reason"),
    [
        ([], None, "prints it), or choose AWS with --engine aws"),
        (["--engine", "aws"], "http://127.0.0.1:1", "unset it, or omit --engine aws"),
        ([], "https://api.sagemaker.us-east-1.amazonaws.com", "AWS_ENDPOINT_URL points to AWS: unset it, and"),
        (["--engine", "aws"], None, "AWS needs ROLE_ARN and DEFAULT_BUCKET in config.json"),
    ],
    ids=["nowhere", "AWS and a simulator", "AWS by its address", "AWS without a role"],
)
def test_the_backend_must_be_unambiguous(words: list[str], url: str | None, reason: str, tmp_path: Path) -> None:
    assert reason in usage_error(recore("production", *words, "list", cwd=tmp_path, AWS_ENDPOINT_URL=url))
