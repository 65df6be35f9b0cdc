"""A version name can be used only once."""

import json

from recore_support.ml2p_project import ProjectCommands
from stagemaker_support.simulator_client import Client

NAME = "prices-20260131"


def versions(client: Client, project: ProjectCommands) -> list[str]:
    bucket = project.url.split("/")[2]
    listing = client.s3.list_objects_v2(Bucket=bucket, Prefix=f"{project.name}/versions/")
    return [item["Key"].rpartition("/")[2] for item in listing.get("Contents", [])]


def test_a_version_name_cannot_be_reused(client: Client, project: ProjectCommands) -> None:
    project.upload_houses(NAME)
    project.result("training-job", "create", "prices-1-0", NAME)
    project.run("training-job", "wait", "prices-1-0")
    refusal = project.refusal("training-job", "create", "prices-1-0", NAME)
    assert refusal.startswith(f"the name '{project.name}-prices-1-0' was already used (20")
    assert refusal.endswith("a version name can be used only once: choose another")
    project.result("model", "create", "prices-1-0-0")
    before = project.result("model", "describe", "prices-1-0-0")["Version"]
    project.result("model", "delete", "prices-1-0-0")
    assert "was already used" in project.refusal("model", "create", "prices-1-0-0")
    record = json.loads(client.get(f"{project.url}/versions/{project.name}-prices-1-0-0.json"))
    assert record == before
    project.result("model", "create", "prices-1-0-1")
    assert [model["ModelName"] for model in project.result("model", "list")] == [f"{project.name}-prices-1-0-1"]


def test_a_model_that_could_not_be_created_has_no_version(client: Client, project: ProjectCommands) -> None:
    """SageMaker refuses the request, and the name remains free."""
    project.upload_houses(NAME)
    file = project.folder / "ml2p.yml"
    original_text = file.read_text()
    file.write_text(
        original_text.replace("role: arn:aws:iam::123456789012:role/SageMakerRole", "role: arn:aws:iam::1:role/Nobody")
    )
    assert "CreateTrainingJob: " in project.refusal("training-job", "create", "prices-1-0", NAME)
    assert versions(client, project) == []
    file.write_text(original_text)
    project.result("training-job", "create", "prices-1-0", NAME)
    assert versions(client, project) == [f"{project.name}-prices-1-0.json"]


def test_different_code_and_data_have_different_hashes(client: Client, project: ProjectCommands) -> None:
    project.upload_houses(NAME)
    project.result("training-job", "create", "prices-1-0", NAME)
    project.result("training-job", "create", "prices-1-1", NAME)
    (project.folder / "src/more.py").write_text("")
    project.result("dataset", "rm", NAME, "house-prices.csv")
    project.result("dataset", "create", NAME)
    project.result("training-job", "create", "prices-2-0", NAME)
    first, second, third = (
        json.loads(client.get(f"{project.url}/versions/{project.name}-prices-{number}.json"))
        for number in ("1-0", "1-1", "2-0")
    )
    assert first["code_sha256"] == second["code_sha256"] != third["code_sha256"]
    assert first["data_sha256"] == second["data_sha256"] != third["data_sha256"]
