from pathlib import Path
from typing import Any

import boto3
import pytest
from stagemaker_support.archives import archive_of, member, tarball
from stagemaker_support.simulator_client import Client, counter

from recore.model import LocalEnv, SageMakerEnvType
from recore.model.errors import ConfigError, LocalEnvError, NamingError
from stagemaker.server import BUCKET


@pytest.fixture
def root(client: Client) -> str:
    return f"local-{next(counter)}"


@pytest.fixture
def env(tmp_path: Path, connected_client: Client, root: str, monkeypatch: pytest.MonkeyPatch) -> LocalEnv:
    monkeypatch.setenv("ML2P_RECORD_INVOKES", "true")
    monkeypatch.setenv("ML2P_PROJECT", "another")
    return make_local_env(tmp_path, f"s3://{BUCKET}/{root}")


def make_local_env(folder: Path, url: str, session: Any = boto3) -> LocalEnv:
    (folder / "ml2p.yml").write_text(f"project: houses\ns3folder: {url}\n")
    (folder / "ml").mkdir()
    return LocalEnv(str(folder / "ml"), str(folder / "ml2p.yml"), session)


def test_attributes_come_from_the_project_file(env: LocalEnv, tmp_path: Path, root: str) -> None:
    assert env.env_type is SageMakerEnvType.LOCAL
    assert (env.project, env.s3.url(), env.model_version) == ("houses", f"s3://{BUCKET}/{root}/", "local")
    assert (env.record_invokes, env.training_job_name, env.model_cls, env.dataset_name) == (False, None, None, None)
    assert env.model_folder() == tmp_path / "ml/model"
    (env.model_folder() / "deep").mkdir()
    (env.model_folder() / "deep/old.txt").write_text("old")
    env.clean_model_folder()
    assert list(env.model_folder().iterdir()) == []


def test_a_folder_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    make_local_env(tmp_path, "s3://bucket/folder")
    with pytest.raises(LocalEnvError, match=r"^Local environment folder \S+/missing does not exist\.$"):
        LocalEnv(str(tmp_path / "missing"), str(tmp_path / "ml2p.yml"))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "could not be read: No such file or directory"),
        ("", "is not a mapping: it needs the keys project and s3folder"),
        ("- project", "is not a mapping"),
        ("project: [", "is not valid YAML"),
        ("project: houses\nday: 2026-02-30\n", "is not valid YAML: day"),
        ("projct: houses\ns3folder: s3://bucket", "has no key 'project'"),
        ("project: houses\n", "has no key 's3folder'"),
        ("project: 3\ns3folder: s3://bucket", "needs a string for the key 'project'"),
        ("project: houses\ns3folder: bucket", "'s3folder' .* is invalid: 'bucket' is not an S3 URL"),
    ],
)
def test_an_invalid_project_file_is_rejected(tmp_path: Path, content: str | None, reason: str) -> None:
    if content is not None:
        (tmp_path / "ml2p.yml").write_text(content)
    with pytest.raises(ConfigError, match=reason) as raised:
        LocalEnv(tmp_path, tmp_path / "ml2p.yml")
    assert "ml2p.yml" in str(raised.value)


def test_downloads_need_a_session(tmp_path: Path) -> None:
    env = make_local_env(tmp_path, "s3://bucket/folder", None)
    with pytest.raises(LocalEnvError, match=r"^Downloading datasets requires a boto session\.$"):
        env.download_dataset("d")
    with pytest.raises(LocalEnvError, match=r"^Downloading models requires a boto session\.$"):
        env.download_model("j")


def test_a_dataset_is_downloaded(env: LocalEnv, client: Client, root: str) -> None:
    for name, content in {"d/a.csv": "a", "d/sub/": "", "d/sub/b.csv": "b", "d-2/c.csv": "c"}.items():
        client.put(f"{root}/datasets/{name}", content)
    env.download_dataset("d")
    folder = env.dataset_folder()
    files = {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}
    assert files == {"a.csv": "a", "sub/b.csv": "b"}


def test_a_model_is_downloaded_and_unpacked(env: LocalEnv, client: Client, root: str) -> None:
    archive = tarball(member("/outside.json"), house=b"2", validation=b"0.5")
    client.s3.put_object(Bucket=BUCKET, Key=f"{root}/models/houses-1/output/model.tar.gz", Body=archive)
    env.download_model("1")
    names = sorted(path.name for path in env.model_folder().iterdir())
    assert names == ["house.py", "model.tar.gz", "outside.json", "validation.py"]
    assert (env.model_folder() / "validation.py").read_text() == "0.5"


def test_missing_datasets_and_models_are_reported(env: LocalEnv, tmp_path: Path, root: str) -> None:
    with pytest.raises(LocalEnvError, match=f"'d' does not exist: no objects at s3://{BUCKET}/{root}/datasets/d/"):
        env.download_dataset("d")
    with pytest.raises(LocalEnvError, match=r"the model of the training job '1' \(s3://.*\) does not exist"):
        env.download_model("1")
    (tmp_path / "other").mkdir()
    other_env = make_local_env(tmp_path / "other", "s3://no-such-bucket-at-all/x")
    with pytest.raises(LocalEnvError, match="the bucket no-such-bucket-at-all does not exist"):
        other_env.download_dataset("d")


@pytest.mark.parametrize("name", ["", "a/b", "/"])
def test_invalid_names_are_rejected(env: LocalEnv, name: str) -> None:
    with pytest.raises(NamingError, match="must not be empty or contain a slash"):
        env.download_dataset(name)
    with pytest.raises(NamingError, match="must not be empty or contain a slash"):
        env.download_model(name)


@pytest.mark.parametrize("key", ["../outside.csv", "sub/../../outside.csv", "/etc/outside.csv"])
def test_a_dataset_cannot_be_written_outside_of_its_folder(env: LocalEnv, client: Client, root: str, key: str) -> None:
    client.s3.put_object(Bucket=BUCKET, Key=f"{root}/datasets/d/{key}", Body=b"x")
    with pytest.raises(LocalEnvError, match="would be written outside"):
        env.download_dataset("d")


def test_a_dataset_with_a_file_and_a_folder_of_one_name_is_rejected(env: LocalEnv, client: Client, root: str) -> None:
    for name in ("d/a", "d/a/b"):
        client.put(f"{root}/datasets/{name}", "x")
    with pytest.raises(LocalEnvError, match="could not be downloaded"):
        env.download_dataset("d")


HOUSE_ARCHIVE = archive_of(**{"house.json": "2" * 5000})


@pytest.mark.parametrize(
    "archive",
    [
        b"",
        b"no archive",
        HOUSE_ARCHIVE[:60],
        tarball(member("../outside.json")),
        tarball(member("link", b"2", "/etc/passwd")),
        tarball(member("device", b"3")),
        tarball(member("bomb", size=2**60)),
    ],
    ids=["empty", "text", "cut off", "dots", "link", "device", "bomb"],
)
def test_damaged_and_unsafe_archives_are_rejected(env: LocalEnv, client: Client, root: str, archive: bytes) -> None:
    client.s3.put_object(Bucket=BUCKET, Key=f"{root}/models/houses-1/output/model.tar.gz", Body=archive)
    with pytest.raises(LocalEnvError, match="could not be downloaded"):
        env.download_model("1")
    assert {path.name for path in env.model_folder().iterdir()} <= {"model.tar.gz", "house.json"}
    assert not (env.model_folder().parent / "outside.json").exists()
