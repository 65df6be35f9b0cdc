"""The commands for datasets, and what the other commands refuse."""

from pathlib import Path

import click
import pytest
from recore_support.command import recore
from recore_support.ml2p_project import HOUSES, ProjectCommands
from stagemaker_support.simulator_client import Client

from recore.cli.ml2p import ml2p

NAME = "prices-20260131"


def test_dataset_files_are_uploaded_listed_and_removed(project: ProjectCommands) -> None:
    assert project.result("dataset", "list") == []
    project.result("dataset", "create", NAME)
    assert project.result("dataset", "list") == [NAME]
    project.upload_houses(NAME)
    project.result("dataset", "up", NAME, "house-prices.csv", "deep/copy.csv")
    size = len(HOUSES)
    expected = [{"filename": "README.rst"}, {"filename": "deep/copy.csv"}, {"filename": "house-prices.csv"}]
    listed = project.result("dataset", "ls", NAME)
    assert [{"filename": file["filename"]} for file in listed] == expected
    assert [file["size"] for file in listed[1:]] == [size, size]
    project.result("dataset", "dn", NAME, "deep/copy.csv")
    assert (project.folder / "copy.csv").read_text() == HOUSES
    project.result("dataset", "dn", NAME, "deep/copy.csv", "new/one.csv")
    assert (project.folder / "new/one.csv").read_text() == HOUSES
    project.result("dataset", "rm", NAME, "deep/copy.csv")
    assert len(project.result("dataset", "ls", NAME)) == 2
    folder = Path(project.result("dataset", "download", NAME, "local")["folder"])
    assert (project.folder / folder / "house-prices.csv").read_text() == HOUSES
    assert project.result("dataset", "delete", NAME) == {"dataset": NAME, "deleted": 2}
    assert project.result("dataset", "list") == []


def test_datasets_whose_names_have_a_common_prefix_are_kept_apart(project: ProjectCommands) -> None:
    project.upload_houses(NAME)
    project.upload_houses(f"more-{NAME}")
    assert project.result("dataset", "delete", NAME)["deleted"] == 1
    assert project.result("dataset", "list") == [f"more-{NAME}"]


def test_a_dataset_hash_depends_on_file_names_and_contents(project: ProjectCommands) -> None:
    hashes = set()
    for date, name, text in (
        ("20260101", "a", "1"),
        ("20260102", "a", "1"),
        ("20260103", "b", "1"),
        ("20260104", "a", "2"),
    ):
        (project.folder / name).write_text(text)
        project.result("dataset", "up", f"d-{date}", name)
        hashes.add(project.result("dataset", "describe", f"d-{date}")["sha256"])
    assert len(hashes) == 3


@pytest.mark.slow
def test_a_large_dataset_is_deleted(client: Client, project: ProjectCommands) -> None:
    """S3 lists and deletes at most a thousand objects per request."""
    for number in range(1005):
        client.put(f"{project.name}/datasets/{NAME}/{number}", b"")
    assert project.result("dataset", "delete", NAME)["deleted"] == 1005


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["dataset", "create", "prices"], "'prices' is not a valid dataset name: use MODEL-YYYYMMDD"),
        (["dataset", "ls", NAME], f"there is no dataset '{NAME}': there are no objects at s3://"),
        (["dataset", "delete", NAME], f"there is no dataset '{NAME}'"),
        (["dataset", "dn", NAME, "x"], f"there is no dataset '{NAME}'"),
        (["dataset", "download", NAME, "local"], f"there is no dataset '{NAME}'"),
        (["dataset", "up", NAME, "missing.csv"], "missing.csv"),
        (["dataset", "wait", NAME], "DescribeProcessingJob: "),
        (
            ["training-job", "create", "prices", NAME],
            "'prices' is not a valid training job name: use MODEL-X-Y",
        ),
        (["training-job", "create", "prices-1-0", NAME], f"there is no dataset '{NAME}'"),
        (
            ["training-job", "create", "prices-1-0", NAME, "-m", "x"],
            "has no model 'x' in the section 'models': it lists prices",
        ),
        (["training-job", "create", "prices-1-0", NAME, "--hyperparameter", "x"], "'x' is not NAME=VALUE"),
        (["training-job", "create", "prices-1-0", NAME, "--hyperparameter", "a.b=1"], "must be a string without dots"),
        (["training-job", "describe", "prices-1-0"], "DescribeTrainingJob: "),
        (["training-job", "download", "prices-1-0", "local"], "the model of the training job 'prices-1-0'"),
        (["model", "create", "prices-1-0"], "'prices-1-0' is not a valid model name: use MODEL-X-Y-Z"),
        (["model", "create", "prices-1-0-0"], "DescribeTrainingJob: "),
        (["model", "delete", "prices-1-0-0"], "DeleteModel: "),
        (["endpoint", "create", "prices"], "'prices' is not a valid endpoint name: use MODEL-X-Y-Z"),
        (["endpoint", "create", "prices-1-0-0"], "CreateEndpointConfig: "),
        (["endpoint", "invoke", "prices-1-0-0", "{"], "the data is not valid JSON: "),
        (["endpoint", "invoke", "prices-1-0-0", "{}"], "InvokeEndpoint: "),
        (["endpoint", "delete", "prices-1-0-0"], "DeleteEndpoint: "),
        (["notebook", "create", "--x", "y"], "notebook: the simulator has no notebook instances"),
        (["repo", "list"], "repo: the simulator has no code repositories"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)
def test_a_refused_command_prints_one_line(project: ProjectCommands, arguments: list[str], reason: str) -> None:
    assert reason in project.refusal(*arguments)


def test_existing_resources_are_not_created_again(project: ProjectCommands) -> None:
    project.result("dataset", "create", NAME)
    assert project.refusal("dataset", "create", NAME) == f"the dataset '{NAME}' already exists"
    project.upload_houses(NAME)
    assert "already has files: choose another name" in project.refusal("dataset", "generate", NAME)


def test_a_missing_bucket_is_reported(project: ProjectCommands) -> None:
    file = project.folder / "ml2p.yml"
    file.write_text(file.read_text().replace(project.url, "s3://no-such-bucket/x"))
    for arguments in (
        ["init"],
        ["dataset", "create", NAME],
        ["dataset", "list"],
        ["training-job", "create", "a-1-0", NAME],
    ):
        assert "the bucket no-such-bucket does not exist: create it, or correct" in project.refusal(*arguments).replace(
            "'", ""
        )


def test_missing_endpoint_and_credentials_are_reported(
    project: ProjectCommands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        project, "_variables", {"AWS_DEFAULT_REGION": None, "AWS_ENDPOINT_URL": None, "HOME": "/nowhere"}
    )
    assert "start `stagemaker start`" in project.refusal("model", "list")


ml2p.make_context("ml2p", ["init"])  # adds the commands
GROUPS = [[], *([name] for name, command in ml2p.commands.items() if isinstance(command, click.Group))]


@pytest.mark.parametrize("group", GROUPS, ids="".join)
def test_help_describes_every_command(group: list[str]) -> None:
    """Every command is listed with a whole sentence, and its help fits into 80 columns."""
    listed = recore("ml2p", *group, "--help")
    assert "python -m recore ml2p" in listed.stdout
    lines = listed.stdout.partition("Commands:\n")[2].splitlines()
    assert lines
    assert [line for line in lines if not line.endswith(".") or line.endswith("...")] == []
    for line in lines:
        result = recore("ml2p", *group, line.split()[0], "--help")
        assert result.returncode == 0
        assert [help_line for help_line in result.stdout.splitlines() if len(help_line) > 80] == []


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        (["modle"], "no command 'modle': did you mean 'model'?"),
        (["model", "creat"], "no command 'creat': did you mean 'create'?"),
        (["model", "create"], "Missing argument 'NAME'; see `python -m recore ml2p model create --help`"),
    ],
)
def test_wrong_usage_is_reported_with_advice(arguments: list[str], advice: str) -> None:
    result = recore("ml2p", *arguments)
    assert (result.returncode, result.stderr) == (2, f"recore: {advice}\n")
