"""Keys and paths that cannot become files cause one-line errors; failure reasons contain no local paths."""

from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from stagemaker_support.archives import archive_of
from stagemaker_support.endpoints import NAMER, Endpoints, variant
from stagemaker_support.simulator_client import HOOKS, Client, counter, make_input, make_output, rejection
from stagemaker_support.training_jobs import channel
from stagemaker_support.transform_jobs import create_model, transform

from stagemaker.compute.failure import JobFailed
from stagemaker.compute.files.transfers import download, get_archive, is_address, parse
from stagemaker.server import BUCKET

LONG_PATH = f"/opt/ml/{'x' * 300}"


@pytest.mark.parametrize(
    "host", ["s3.amazonaws.com", "s3.us-east-1.amazonaws.com", "s3.dualstack.eu-west-1.amazonaws.com"]
)
def test_objects_have_addresses_on_the_web(host: str) -> None:
    for address in ("s3://rocks.s3/a/b", f"https://rocks.s3.{host}/a/b", f"https://{host}/rocks.s3/a/b"):
        assert parse(address) == ("rocks.s3", "a/b")
    assert parse(f"https://rocks.{host}") == ("rocks", "")
    assert not any(is_address(f"https://{address}") for address in (host, f"{host}/", f"user@rocks.{host}/a"))


def test_jobs_write_to_addresses_on_the_web(client: Client) -> None:
    folder = f"s3-us-east-1.amazonaws.com/{BUCKET}/web-{next(counter)}"
    script = "import os\nopen(os.environ['SM_MODEL_DIR'] + '/model.txt', 'w').write('model ')"
    job = client.train(script, OutputDataConfig={"S3OutputPath": f"https://{folder}/"})
    assert job["TrainingJobStatus"] == "Completed", job
    uri = job["ModelArtifacts"]["S3ModelArtifacts"]
    assert uri == f"https://{folder}/{job['TrainingJobName']}/output/model.tar.gz"
    model = create_model(client, client.container(HOOKS, ModelDataUrl=uri))
    job, _ = transform(client, model, {"a": "1\n"}, Output={"S3OutputPath": f"https://{folder}/out"})
    assert job["TransformJobStatus"] == "Completed", job
    assert client.get(f"s3://{folder.partition('/')[2]}/out/a.out") == b"model 1\n"
    config = {"S3OutputPath": "https://example.com/bucket/out"}
    assert "must be an S3 URI" in rejection(client.train, "", OutputDataConfig=config)
    assert "must be an S3 URI" in rejection(transform, client, model, {"a": "1\n"}, Output=config)
    assert "must be an S3 URI" in rejection(client.process, "", **make_output(config["S3OutputPath"]))


def test_the_archive_among_objects_with_a_common_prefix_is_found(tmp_path: Path) -> None:
    for name in ("model.tar.gz", "model.tar.gz.sha256"):
        (tmp_path / name).write_text(name)
    assert get_archive(tmp_path, "s3://bucket/a/model.tar.gz").name == "model.tar.gz"


@pytest.fixture(scope="module")
def endpoints(unsandboxed_client: Client):
    endpoints = Endpoints(unsandboxed_client)
    yield endpoints
    endpoints.delete_all()


def s3_object(uri: str) -> dict[str, object]:
    source = {"S3Uri": uri, "S3DataType": "S3Object", "CompressionType": "None"}
    return {"ModelDataSource": {"S3DataSource": source}}


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        (["data/a/.."], "points outside its folder"),
        (["data/../../../escaped"], "points outside its folder"),
        (["data/" + "x" * 300], "could not be stored as a file: File name too long"),
        (["data/a\0b"], "could not be stored as a file: embedded null"),
        (["data/a", "data/a/b"], "could not be stored as a file"),
        ([], "No S3 objects found under S3 URL"),
        (["data/"], "No S3 objects found under S3 URL"),
    ],
    ids=["folder above", "folders above", "long", "null", "file and folder", "empty", "folder alone"],
)
def test_keys_that_cannot_be_files_are_rejected(client: Client, tmp_path: Path, keys: list[str], reason: str) -> None:
    root = f"keys-{next(counter)}"
    for key in keys:
        client.put(f"{root}/{key}", "x")
    with pytest.raises(JobFailed, match=f"^ClientError: .*{reason}"):
        download(client.s3, f"s3://{BUCKET}/{root}/data/", tmp_path / "in", lambda: None)
    assert not (tmp_path.parent / "escaped").exists()


def test_a_key_that_cannot_be_a_file_is_named_in_the_reason(endpoints: Endpoints) -> None:
    client = endpoints.client
    uri = client.put(f"{next(counter)}/a/..", archive_of(a="1"))
    message = f"The key {uri.removeprefix(f's3://{BUCKET}/')!r} points outside its folder"
    variables = {"SAGEMAKER_SUBMIT_DIRECTORY": uri}
    models = [endpoints.model("", **s3_object(uri)), endpoints.model("", ModelDataUrl=uri)]
    reasons = [endpoints.failure_reason(model) for model in (*models, endpoints.model("", variables))]
    assert all(message in reason for reason in reasons), reasons
    settings = {"sagemaker_submit_directory": uri, "sagemaker_program": "a"}
    jobs = [
        transform(client, models[0], {"a": "1"})[0],
        client.process("", **make_input(uri)),
        client.train("", HyperParameters=settings),
        client.train("", InputDataConfig=[channel("a", uri)]),
    ]
    reasons = [job["FailureReason"] for job in jobs]
    assert all(reason.startswith(f"ClientError: {message}") and "\n" not in reason for reason in reasons), reasons


def test_a_uri_can_name_a_single_object(endpoints: Endpoints) -> None:
    client, folder = endpoints.client, next(counter)
    for name in ("m", "m.old", "mm"):
        client.put(f"{folder}/{name}", "1")
    script = NAMER.format(name="").replace("return ''", "import os; return sorted(os.listdir(model_dir))")
    name = endpoints.create(
        endpoints.config(variant(endpoints.model(script, **s3_object(f"s3://{BUCKET}/{folder}/m"))))
    )
    assert endpoints.invoke(name, "1", ContentType="text/csv")["Body"].read().startswith(b'[["m"]')
    endpoints.delete(name)
    with pytest.raises(ClientError, match=f"Could not find model data at s3://{BUCKET}/{folder}/m.o."):
        endpoints.model("", **s3_object(f"s3://{BUCKET}/{folder}/m.o"))


@pytest.mark.parametrize("path", [LONG_PATH, "/opt/ml/a\0b", "/opt/ml/../../etc"], ids=["long", "null", "above"])
def test_submit_directories_that_cannot_be_folders_are_rejected(endpoints: Endpoints, path: str) -> None:
    reason = f"submit_directory {path[:200]!r} is not a valid path below /opt/ml"
    settings = {"sagemaker_submit_directory": path, "sagemaker_program": "a"}
    assert reason in endpoints.client.train("", HyperParameters=settings)["FailureReason"]
    if path == LONG_PATH:
        reason = reason.replace("submit_directory", "SUBMIT_DIRECTORY")
        assert reason in endpoints.failure_reason(endpoints.model("", {"SAGEMAKER_SUBMIT_DIRECTORY": path}))


@pytest.mark.parametrize("name", ["a\0b", "\u00e9" * 200, "..", "a/../../b"])
def test_local_paths_that_cannot_be_folders_are_rejected(unsandboxed_client: Client, name: str) -> None:
    uri = unsandboxed_client.put("input/a", "1")
    with pytest.raises(ClientError, match="must be below /opt/ml/processing/"):
        unsandboxed_client.process("", **make_input(uri, f"/opt/ml/processing/{name}"))


def test_files_that_the_sdk_adds_may_have_any_name(unsandboxed_client: Client) -> None:
    folder = f"drivers/{next(counter)}"
    unsandboxed_client.put(f"{folder}/folder.py/a.sh", "x" * (2 << 20))
    job = unsandboxed_client.train("", InputDataConfig=[channel("sm_drivers", f"s3://{BUCKET}/{folder}")])
    assert job["TrainingJobStatus"] == "Completed", job


FAILING_MODELS = {
    "a model that does not load": "def model_fn(model_dir): raise ValueError(__file__ + model_dir)",
    "a message that is truncated": "def model_fn(model_dir): raise ValueError(__file__, *[model_dir] * 20)",
    "a server whose log is the reason": """
import os, shutil
def model_fn(model_dir):
    shutil.rmtree(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml") + "/output", ignore_errors=True)
    print(__file__, os.environ["TMPDIR"], flush=True)
    os._exit(3)
""",
}


def test_the_failure_reason_of_a_job_contains_no_local_folder(unsandboxed_client: Client) -> None:
    script = "import os; raise ValueError(os.environ['SM_MODEL_DIR'], os.environ['TMPDIR'])"
    for job in (unsandboxed_client.train(script), unsandboxed_client.process(script)):
        assert "ValueError: ('/opt/ml/model', '/tmp')" in job["FailureReason"]
    script = "def model_fn(model_dir): pass\ndef transform_fn(*_): raise ValueError(__file__)"
    job, _ = transform(unsandboxed_client, create_model(unsandboxed_client, script), {"a": "1"})
    assert "/opt/ml/code/serve_me.py" in job["FailureReason"]
    assert str(unsandboxed_client.simulator.folder) not in job["FailureReason"]


@pytest.mark.parametrize("script", FAILING_MODELS.values(), ids=FAILING_MODELS.keys())
def test_the_failure_reason_of_an_endpoint_contains_no_local_folder(endpoints: Endpoints, script: str) -> None:
    reason = endpoints.failure_reason(endpoints.model(script))
    assert "/opt/ml/code/inference.py" in reason
    assert str(endpoints.client.simulator.folder) not in reason
