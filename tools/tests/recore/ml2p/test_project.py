"""The project file, and the requests that the commands build from it."""

from pathlib import Path

import pytest
from recore_support.ml2p_project import ProjectCommands
from stagemaker_support.simulator_client import Client

from recore.ml2p.project import Project
from recore.model.errors import ConfigError

NAME = "prices-20260131"
MINIMAL = "project: p\ns3folder: s3://b/x\n"


def project_of(folder: Path, text: str) -> Project:
    (folder / "ml2p.yml").write_text(text)
    return Project(folder / "ml2p.yml")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is not a mapping: it needs the keys project and s3folder"),
        ("- a", "is not a mapping"),
        ("project: p\n", "has no key 's3folder'"),
        ("project: [\n", "is not valid YAML"),
        ("project: 3\ns3folder: s3://b\n", "needs a string for the key 'project'"),
        ("project: p\ns3folder: b/x\n", "'b/x' is not an S3 address"),
        (MINIMAL + "trian:\n  image: x\n", "there is no key 'trian' in the file: did you mean 'train'?"),
        (
            MINIMAL + "train:\n  instance-type: x\n",
            "no key 'instance-type' in the section 'train': did you mean 'instance_type'?",
        ),
        (MINIMAL + "defaults:\n  imag: x\n", "did you mean 'image'?"),
        (MINIMAL + "train: x\n", "the section 'train' must be a mapping"),
    ],
)
def test_an_invalid_file_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(ConfigError) as raised:
        project_of(tmp_path, text)
    assert reason in str(raised.value)
    assert str(tmp_path / "ml2p.yml") in str(raised.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"ml2p\.yml could not be read: No such file"):
        Project(tmp_path / "ml2p.yml")


def test_keys_of_other_programs_are_accepted(tmp_path: Path) -> None:
    assert project_of(tmp_path, MINIMAL + "owners: [us]\ntrain:\n  retries: 3\n").setting("train", "retries") == 3


def test_settings_come_from_the_section_or_the_defaults(tmp_path: Path) -> None:
    project = project_of(
        tmp_path, MINIMAL + "defaults:\n  image: a\n  role: r\ntrain:\n  image: b\ndeploy:\n  role: 3\n"
    )
    assert (project.text("train", "image"), project.text("deploy", "image")) == ("b", "a")
    with pytest.raises(ConfigError, match="has no 'instance_type' in the section 'train' or in 'defaults'"):
        project.text("train", "instance_type")
    with pytest.raises(ConfigError, match="'role' in the section 'deploy' must be a string, not 3"):
        project.text("deploy", "role")


def test_record_invokes_must_be_true_or_false(tmp_path: Path) -> None:
    project = project_of(tmp_path, MINIMAL + "deploy:\n  record_invokes: 'yes'\n")
    with pytest.raises(ConfigError, match="'record_invokes' in the section 'deploy' must be true or false, not 'yes'"):
        project.flag("deploy", "record_invokes")


def test_a_model_class_is_looked_up_by_model_type(tmp_path: Path) -> None:
    assert project_of(tmp_path, MINIMAL).model_class(None) is None
    with pytest.raises(ConfigError, match="has no model 'a' in the section 'models': it lists none"):
        project_of(tmp_path, MINIMAL).model_class("a")
    assert project_of(tmp_path, MINIMAL + "models:\n  a: m.A\n").model_class(None) == "m.A"
    project = project_of(
        tmp_path, MINIMAL + "models:\n  a: m.A\n  b: {model-defaults: {cls: m.B}, b-1: {image_tag: 1}}\n"
    )
    assert (project.model_class("a"), project.model_class("b")) == ("m.A", "m.B")
    with pytest.raises(ConfigError, match=r"lists several models \(a, b\): choose one with --model-type"):
        project.model_class(None)
    with pytest.raises(ConfigError, match="must be the dotted name of a class, not 3"):
        project_of(tmp_path, MINIMAL + "models:\n  a: 3\n").model_class("a")


@pytest.mark.parametrize("config", ["[]", "{security_groups: [a]}", "{security_groups: [], subnets: [b]}", "text"])
def test_an_invalid_vpc_config_is_refused(tmp_path: Path, config: str) -> None:
    project = project_of(tmp_path, MINIMAL + f"train:\n  vpc_config: {config}\n")
    if config == "[]":
        assert project.network("train") == {}
        return
    with pytest.raises(ConfigError, match="'vpc_config'"):
        project.network("train")


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("source_dir: src", "source_dir: missing", "'source_dir': {folder}/missing is not a folder"),
        ("source_dir: src", "source_dir: src\n  packages: [no.such]", "'packages': "),
        ("source_dir: src", "source_dir: src\n  packages: recore", "'packages' in the section 'train' must be a list"),
        ("source_dir: src", "source_dir: 3", "'source_dir' in the section 'train' must be a string, not 3"),
        (
            "instance_type: ml.m5.large",
            "volume_size: 3",
            "has no 'instance_type' in the section 'train' or in 'defaults'",
        ),
        ("prices: model.HousePrices", "prices: 3", "must be the dotted name of a class, not 3"),
    ],
)
def test_keys_that_a_request_needs_are_checked(project: ProjectCommands, old: str, new: str, reason: str) -> None:
    project.upload_houses(NAME)
    file = project.folder / "ml2p.yml"
    file.write_text(file.read_text().replace(old, new))
    assert reason.format(folder=project.folder) in project.refusal("training-job", "create", "prices-1-0", NAME)


def test_code_that_is_too_large_or_contains_reserved_names_is_refused(
    project: ProjectCommands, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.upload_houses(NAME)
    (project.folder / "src/ml2p_job.py").write_text("")
    assert "ml2p_job.py must be renamed" in project.refusal("training-job", "create", "prices-1-0", NAME)
    (project.folder / "src/ml2p_job.py").unlink()
    monkeypatch.setattr("recore.ml2p.source_code.LARGEST", 1 << 10)
    assert "keep data out of the code folder" in project.refusal("training-job", "create", "prices-1-0", NAME)


def test_jobs_have_network_access_only_to_install_requirements(project: ProjectCommands) -> None:
    project.upload_houses(NAME)
    project.result("training-job", "create", "prices-1-0", NAME)
    assert project.result("training-job", "describe", "prices-1-0")["EnableNetworkIsolation"] is True
    (project.folder / "src/requirements.txt").write_text("numpy\n")
    project.result("training-job", "create", "prices-1-1", NAME)
    assert not project.result("training-job", "describe", "prices-1-1").get("EnableNetworkIsolation")


def test_requests_for_an_image_with_the_code_match_ml2p(client: Client, project: ProjectCommands) -> None:
    """The expected requests are those that ML2P sends."""
    project.upload_houses(NAME)
    file = project.folder / "ml2p.yml"
    file.write_text(file.read_text().replace("  source_dir: src\n", ""))
    project.result("training-job", "create", "prices-1-0", NAME)
    job = project.result("training-job", "describe", "prices-1-0")
    assert job["EnableNetworkIsolation"] is True
    assert job.get("HyperParameters", {}) == {}
    assert job["Environment"] == {
        "ML2P_TRAINING_JOB": f"{project.name}-prices-1-0",
        "ML2P_PROJECT": project.name,
        "ML2P_S3_URL": f"{project.url}/",
        "ML2P_MODEL_CLS": "model.HousePrices",
    }
    assert [channel["ChannelName"] for channel in job["InputDataConfig"]] == ["training"]
    assert job["OutputDataConfig"]["S3OutputPath"] == f"{project.url}/models/"
    assert job["StoppingCondition"]["MaxRuntimeInSeconds"] == 3600
    assert job["Version"]["code_sha256"] is None
    tags = client.sagemaker.list_tags(ResourceArn=job["TrainingJobArn"])["Tags"]
    assert tags == [{"Key": "ml2p-project", "Value": project.name}]
    assert "The image has no processing entrypoint" in project.refusal("dataset", "generate", "other-20260131")


def test_several_containers_are_refused_by_the_simulator(project: ProjectCommands) -> None:
    """The simulator reports that it does not run several containers; the request is the same as ML2P's."""
    project.upload_houses(NAME)
    project.result("training-job", "create", "prices-1-0", NAME)
    project.run("training-job", "wait", "prices-1-0")
    file = project.folder / "ml2p.yml"
    container = "prices-1-0-0: {training_job: prices-1-0, image_tag: '1'}"
    kind = f"prices:\n    model-defaults: {{cls: model.HousePrices}}\n    {container}"
    file.write_text(file.read_text().replace("prices: model.HousePrices", kind))
    assert "Mode Direct is not simulated" in project.refusal("model", "create", "prices-1-0-0")
    file.write_text(file.read_text().replace(", image_tag: '1'", ""))
    assert "the container 'prices-1-0-0' in the section 'models' needs 'image_tag'" in project.refusal(
        "model", "create", "prices-1-0-0"
    )
