"""Image families: the family that an image belongs to, and errors with advice for images without a family."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner
from stagemaker_support.archives import content
from stagemaker_support.repacking import repack
from stagemaker_support.simulator_client import IMAGE, Client, rejection
from stagemaker_support.training_jobs import ALGORITHM, submit, train
from stagemaker_support.tuning_jobs import tuning_request

from stagemaker.cli import main
from stagemaker.images import catalogue, pytorch, scikit_learn, xgboost
from stagemaker.images.catalogue import FAMILIES, find_family, package_sets
from stagemaker.images.family import ImageFamily, image_tag
from stagemaker.images.python_environment import environment_in, this_python

REGISTRY = "683313688378.dkr.ecr.us-east-1.amazonaws.com"
XGBOOST = f"{REGISTRY}/sagemaker-xgboost:3.0-5"


@pytest.mark.parametrize(
    ("image", "family"),
    [
        (IMAGE, "scikit-learn"),
        ("recore/sagemaker-scikit-learn:1.9-0-cpu-py3", "scikit-learn"),
        (f"{REGISTRY}/sagemaker-xgboost:1.7-1", "XGBoost"),
        ("811284229777.dkr.ecr.us-east-1.amazonaws.com/xgboost:latest", "XGBoost"),
        ("763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:1.8.0-cpu-py3", "PyTorch"),
        ("763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference:2.6.0-gpu-py312-cu124-ubuntu22.04", "PyTorch"),
        ("localhost:5000/xgboost@sha256:" + 64 * "a", "XGBoost"),
        (f"{REGISTRY}/sagemaker-xgboost:1.5-1-arm64", "XGBoost"),
        (f"{REGISTRY}/sagemaker-xgboost-mine:1.7-1", None),
        ("pytorch-inference-eia:1.3.1-cpu-py3", None),
        ("382416733822.dkr.ecr.us-east-1.amazonaws.com/linear-learner:1", "linear-learner"),
        ("xgboost/kmeans:1", None),
    ],
)
def test_the_family_of_an_image_is_found(image: str, family: str | None) -> None:
    actual_family = find_family(image)
    assert (actual_family.name if actual_family else None) == family


def test_the_tag_of_an_image_is_found() -> None:
    for repository in ("sagemaker-scikit-learn", "localhost:5000/sagemaker-scikit-learn"):
        for digest in ("", "@sha256:" + 64 * "a"):
            assert image_tag(f"{repository}:1.9-0-cpu-py3{digest}") == "1.9-0-cpu-py3"
            assert image_tag(f"{repository}{digest}") == ""


def error_of(client: Client, image: str, **members: Any) -> str:
    request = {"AlgorithmSpecification": ALGORITHM | {"TrainingImage": image}} | members
    return rejection(submit, client, **request)


AWS = "763104351884.dkr.ecr.us-east-1.amazonaws.com"
BUILT_IN = "{} is a built-in algorithm of SageMaker; only XGBoost and Linear Learner are simulated. Only "
SIMULATION_ERROR = "{} is a SageMaker image that is not simulated. Only images of the "
UNKNOWN_FAMILY = "families can run as processes, not 'somebody/else:1.0'"


@pytest.mark.parametrize(
    ("image", "message"),
    [
        *((f"{AWS}/{name}:1", BUILT_IN.format(name)) for name in ("kmeans", "forecasting-deepar", "blazingtext")),
        (f"{AWS}/tensorflow-training:2.19.0-cpu-py312", SIMULATION_ERROR.format("tensorflow-training")),
        (f"{AWS}/autogluon-training:1.4.0-cpu-py311", SIMULATION_ERROR.format("autogluon-training")),
        ("somebody/else:1.0", UNKNOWN_FAMILY),
        (f"{REGISTRY}/sagemaker-xgboost:9.9", "tags such as 1.7-1 and 3.0-5, not '9.9'"),
    ],
)
def test_other_images_are_rejected_by_name(client: Client, image: str, message: str) -> None:
    assert message in error_of(client, image)


def test_several_instances_are_rejected(client: Client) -> None:
    resources = {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1}
    assert "one instance" in error_of(client, XGBOOST, ResourceConfig=resources)


def test_an_image_with_its_own_metrics_accepts_no_metric_definitions(client: Client) -> None:
    metrics = {"MetricDefinitions": [{"Name": "train:rmse", "Regex": "rmse=(.*)"}]}
    message = error_of(client, XGBOOST, AlgorithmSpecification=ALGORITHM | {"TrainingImage": XGBOOST} | metrics)
    assert "You can't override the metric definitions for Amazon SageMaker algorithms. Please retry" in message
    request = tuning_request("")
    request["TrainingJobDefinition"]["AlgorithmSpecification"] = ALGORITHM | {"TrainingImage": XGBOOST}
    with pytest.raises(ClientError, match="the image does not report the metric 'loss'; it reports validation:rmse"):
        client.sagemaker.create_hyper_parameter_tuning_job(**request)


@pytest.mark.parametrize("name", ["torch_distributed", "mpi", "pytorch_ddp", "parameter_server"])
def test_distributed_training_is_rejected_by_name(client: Client, name: str) -> None:
    settings = {f"sagemaker_{name}_enabled": "true", "sagemaker_program": "job.py"}
    message = error_of(client, IMAGE, HyperParameters=settings)
    expected = f"HyperParameters: sagemaker_{name}_enabled: distributed training is not simulated"
    assert expected in message
    request = tuning_request("")
    request["TrainingJobDefinition"]["StaticHyperParameters"] = settings
    with pytest.raises(ClientError, match=expected):
        client.sagemaker.create_hyper_parameter_tuning_job(**request)


@pytest.mark.parametrize("family", FAMILIES, ids=[family.name for family in FAMILIES])
def test_an_image_that_needs_a_missing_python_is_rejected_with_the_fix(
    family: ImageFamily, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    packages = replace(family.package_set("image"), pythons=("3.99", "3.98"))
    assert replace(family, package_sets={"": packages}).unsupported_reason("image") == (
        f"{packages.name} requires Python 3.99 or 3.98 with venv, which was not found: run `uv python install 3.99`, "
        "or install python3.99 and python3.99-venv"
    )


@pytest.mark.parametrize(
    ("image", "version", "is_named"),
    [
        ("sagemaker-scikit-learn:1.9-0-cpu-py3", "1.9-0", False),
        ("sagemaker-scikit-learn:1.4-2-cpu-py3", "1.4-2", False),
        ("recore/scikit-learn:1.2-1", "1.2-1", False),
        ("sagemaker-scikit-learn:1.2-2-cpu-py3", "1.2-1", True),
        ("sagemaker-scikit-learn:1.4-3-cpu-py3", "1.4-2", True),
        ("sagemaker-scikit-learn:0.23-1-cpu-py3", "1.2-1", True),
        ("sagemaker-scikit-learn:0.20.0-cpu-py3", "1.2-1", True),
        ("sagemaker-scikit-learn:1.3-0", "1.4-2", True),
        ("sagemaker-scikit-learn:2.0-1", "1.9-0", True),
        ("sagemaker-scikit-learn", "1.9-0", False),
        ("my-sklearn-app:0.1.0", "1.9-0", False),
    ],
)
def test_the_tag_chooses_the_packages(image: str, version: str, is_named: bool) -> None:
    family = scikit_learn.FAMILY
    assert family.package_set(image).name == f"scikit-learn-{version}"
    line = f"The image {image} is not simulated: the packages of the nearest one, {version}, are used."
    assert (line in family.remarks(image)) is is_named


def test_only_existing_xgboost_tags_are_accepted() -> None:
    for tag in ("1", "latest", "0.90-2-cpu-py3", "1.5-1-arm64", "3.0-5"):
        assert catalogue.unsupported_reason(f"{REGISTRY}/sagemaker-xgboost:{tag}") is None
    for tag in ("2", "1.7", "1.7-1-gpu-py3", "1.5-1-arm32"):
        assert "images have tags such as" in str(catalogue.unsupported_reason(f"{REGISTRY}/sagemaker-xgboost:{tag}"))


@pytest.mark.parametrize(
    ("image", "version"),
    [("sagemaker-xgboost:1.2-2-cpu-py3", "1.2-2-cpu-py3"), ("xgboost:latest", "0.72"), ("xgboost", None)],
)
def test_the_environment_contains_the_xgboost_image_version(image: str, version: str | None) -> None:
    assert xgboost.FAMILY.environment_variables(image).get("XGBOOST_IMAGE_VERSION") == version


def test_the_development_environment_has_the_packages_of_the_newest_images() -> None:
    assert [packages.name for packages in package_sets() if packages.is_installed] == ["scikit-learn-1.9-0", "xgboost"]


def test_an_environment_is_read_from_its_folder(tmp_path: Path) -> None:
    metadata = tmp_path / "env/lib/python3.11/site-packages/alpha-1.5.dist-info/METADATA"
    for folder in (metadata.parent, *(tmp_path / name / "bin" for name in ("env", "links", "python"))):
        folder.mkdir(parents=True)
    metadata.write_text("Name: alpha\nVersion: 1.5\n")
    (tmp_path / "env/pyvenv.cfg").write_text("version = 3.11.7\n")
    (tmp_path / "python/bin/python3.11").touch()
    (tmp_path / "links/bin/python3.11").symlink_to(tmp_path / "python/bin/python3.11")
    (tmp_path / "env/bin/python").symlink_to(tmp_path / "links/bin/python3.11")
    environment = environment_in(tmp_path / "env")
    assert environment.version_of("alpha") == "1.5"
    assert environment.version_of("beta") is None
    assert environment.folders == {str(tmp_path / "env"), str(tmp_path / "python")}
    assert environment.markers == {"python_version": "3.11", "python_full_version": "3.11.7"}
    assert this_python().version_of("pytest") == pytest.__version__


def test_the_log_names_the_differences_from_an_image() -> None:
    assert xgboost.FAMILY.remarks("xgboost:latest")[0].startswith("The image xgboost:latest has XGBoost 0.72, but ")
    assert xgboost.FAMILY.remarks("sagemaker-xgboost:3.4-1") == []
    family = replace(pytorch.FAMILY, package_sets={"": scikit_learn.NEWEST_SET})
    _, line = family.remarks("pytorch-training:99.0-gpu-py3")
    assert line.endswith("is for GPUs, but this job runs on CPUs.")


def test_other_images_named_xgboost_have_no_built_in_metrics() -> None:
    assert len(xgboost.FAMILY.metric_definitions(XGBOOST)) == len(xgboost.FAMILY.metrics)
    assert xgboost.FAMILY.metric_definitions("registry.local/team/xgboost:mine") == []


def test_xgboost_metrics_are_parsed_from_log_lines() -> None:
    line = "[12]#011train-rmse:3.5#011train-error@0.7:0.1#011validation-rmse:4.25#011validation-mae:nan"
    values = {name: match[1] for name, pattern in xgboost.FAMILY.metrics.items() if (match := re.search(pattern, line))}
    assert values == {"train:rmse": "3.5", "validation:rmse": "4.25", "validation:mae": "nan"}
    assert re.search(xgboost.FAMILY.metrics["train:rmse"], line.replace("#011", "\t"))[1] == "3.5"


def test_settings_without_effect_are_logged(client: Client) -> None:
    job = train(
        client,
        EnableManagedSpotTraining=True,
        StoppingCondition={"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 60},
        CheckpointConfig={"S3Uri": "s3://bucket/checkpoints"},
        VpcConfig={"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]},
        EnableInterContainerTrafficEncryption=False,
        ResourceConfig={"InstanceType": "ml.g4dn.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 1},
        AlgorithmSpecification=ALGORITHM | {"ContainerEntrypoint": ["true"]},
    )
    lines = client.log(job).splitlines()
    assert [line.partition(" has no ")[0] for line in lines if " has no " in line] == [
        "EnableManagedSpotTraining",
        "CheckpointConfig",
        "VpcConfig",
        "ml.g4dn.xlarge",
    ]


def test_a_job_can_write_checkpoints(client: Client, tmp_path: Path) -> None:
    """Checkpoints are not kept, but a program that writes them must not fail. Each job has its own folder."""
    outside_folder = f"{tmp_path}/outside"
    script = "import os\nml = os.environ.get('SAGEMAKER_BASE_DIR', '/opt/ml')\nopen(ml + '/checkpoints/1', 'w').close()"
    jobs = [client.train(script, CheckpointConfig={"S3Uri": "s3://bucket/c"})]
    for path, command in (
        ("/opt/ml/mine/of/all", "echo 1 > /opt/ml/mine/of/all/1"),
        (f"/opt/ml/{outside_folder}", f"echo 1 > /opt/ml/{outside_folder}/1"),  # /opt/ml is followed by two slashes
        ("/tmp/own", "true"),
        ("/opt/ml/input/config/hyperparameters.json", "true"),
        (f"/opt/ml/{'x' * 300}", "true"),
        ("/opt/ml/../../x", "true"),
    ):
        algorithm = ALGORITHM | {"ContainerEntrypoint": ["sh", "-c", command]}
        checkpoints = {"S3Uri": "s3://bucket/c", "LocalPath": path}
        jobs.append(train(client, AlgorithmSpecification=algorithm, CheckpointConfig=checkpoints))
    assert [job["TrainingJobStatus"] for job in jobs] == ["Completed"] * 7, jobs
    assert not Path(outside_folder).exists()


@pytest.mark.slow
def test_the_repacking_step_of_the_sdk_installs_no_requirements(any_client: Client) -> None:
    job = any_client.train("import os\nopen(os.environ['SM_MODEL_DIR'] + '/model.txt', 'w').write('2')")
    job = repack(
        any_client,
        job["ModelArtifacts"]["S3ModelArtifacts"],
        "def model_fn(model_dir): return 1\n",
        **{"requirements.txt": "no-such-package-at-all==7.0\n"},
    )
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    files = content(any_client.get(job["ModelArtifacts"]["S3ModelArtifacts"]))
    assert files == {"model.txt": b"2", "code/inference.py": b"def model_fn(model_dir): return 1\n"}


def test_setup_accepts_an_image_with_a_tag_and_rejects_an_unknown_one() -> None:
    result = CliRunner().invoke(main, ["setup", "sagemaker-scikit-learn:1.9-0-cpu-py3", "xgboost:1.7-1"])
    lines = ["scikit-learn-1.9-0: the current environment", "xgboost: the current environment"]
    assert (result.exit_code, result.output.splitlines()) == (0, lines)
    assert "unknown image 'nothing:1'; choose from " in CliRunner().invoke(main, ["setup", "nothing:1"]).output
