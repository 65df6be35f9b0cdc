"""The requests of a run, as plain dictionaries for boto3, and the places of its files on S3 and in a job.

Every job runs without network: a submission is untrusted code, and on AWS the role of its jobs could read more than a
step is allowed to. Code therefore comes as a channel and as part of the model, and not from S3.
"""

import datetime
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import Any

from recore.places import IMAGE, OpenPlace

Request = dict[str, Any]
Place = tuple[str, ...]  # the parts of an object's key below the prefix of its run, or after HOST of the host's

PREFIX = "recore"  # of all objects of runs
HOSTS_PREFIX = "recore-host"  # of private assays, which the role of a submission's jobs need not read
HOST = "host"  # the first part of a place there

ML = "/opt/ml"
PROCESSING = "/opt/ml/processing"
JOB_SECONDS = 3600  # time limit of a training or processing job, as in the challenge
REQUEST_SECONDS = 600  # time limit of one request to the model
VOLUME_GB = 30
ENVIRONMENT = {"PYTHONHASHSEED": "0"}  # sets have the same order in a repeated run
LARGEST_PAYLOAD = 100  # MB, the limit of Batch Transform
BY_LINES = {"MaxPayloadInMB": 6, "MaxConcurrentTransforms": 4}
AUDIT_HOOK = Path(__file__).with_name("audit") / "sitecustomize.py"
ONE_WORKER = {"SAGEMAKER_MODEL_SERVER_WORKERS": "1"}  # for one request at a time: each worker loads the libraries


@dataclass(frozen=True)
class Instances:
    type: str = "ml.m5.xlarge"
    count: int = 1

    @property
    def request(self) -> Request:
        return {"InstanceType": self.type, "InstanceCount": self.count}


@dataclass(frozen=True)
class RunSettings:
    """What the requests of one run share. name: unique; the names of jobs and objects begin with it.

    max_payload: MB of a file that goes to the model in one request; a larger one goes by lines. pass_paths: there is no
    /opt/ml in the jobs, so preprocess.py needs its paths as arguments. training_seconds: the time limit of jobs that
    train or preprocess, by default the platform's. observed: jobs of train.py and preprocess.py report what the scripts
    try (AUDIT_HOOK). scoring_role: of the jobs that score, if it is another one. wheels: the address of packages that
    the submission asks for; pip uses no index then. round_id: a part of the name that all runs of a round share.
    """

    name: str
    bucket: str
    role: str
    image: str = IMAGE
    training: Instances = field(default_factory=Instances)
    processing: Instances = field(default_factory=Instances)
    transform: Instances = field(default_factory=Instances)
    max_payload: int = LARGEST_PAYLOAD
    pass_paths: bool = False
    training_seconds: int | None = None
    observed: bool = False
    scoring_role: str | None = None
    wheels: str | None = None
    round_id: str = ""

    @classmethod
    def at(cls, place: OpenPlace, **others: Any) -> "RunSettings":
        """The settings of a run at a place, with a unique name. others: by their names."""
        name = unique_name(others.get("round_id", ""))
        of_place = {"pass_paths": not place.has_ml, "scoring_role": place.scoring_role}
        return cls(name, place.bucket, place.role, place.image, **of_place | others)

    def key(self, *names: str) -> str:
        prefix, rest = (HOSTS_PREFIX, names[1:]) if names[:1] == (HOST,) else (PREFIX, names)
        return "/".join((prefix, self.name, *rest))

    def uri(self, *names: str) -> str:
        return f"s3://{self.bucket}/{self.key(*names)}"

    def job(self, step: str) -> str:
        return f"{self.name}-{step.replace(' ', '-')}"


def round_id(bucket: str, folder: Path) -> str:
    """Return the part of their names that all runs of a round share, from its bucket and its folder."""
    return hashlib.sha256(f"{bucket} {folder.resolve()}".encode()).hexdigest()[:8]


def unique_name(round_id: str = "") -> str:
    """Return a name of the same form with a round and without one: jobs see it, and must not know which command runs.

    round_id: of the round, if any.
    """
    time = f"{datetime.datetime.now(datetime.UTC):%Y%m%d-%H%M%S}"
    return "-".join(("recore", round_id or token_hex(4), time, token_hex(3)))


SOURCE = ("source", "source.tar.gz")
PREPROCESS = ("preprocess", "preprocess.py")
SCORE = ("score", "score.py")
TRAINING = ("public", "input", "public.csv.gz")
MODEL = ("model", "model.tar.gz")
AUDIT = ("python", "sitecustomize.py")  # the folder's name tells a job nothing


def data_place(side: str) -> Place:
    """The raw data of public or private, which the platform both calls public.csv.gz."""
    return (side, "input", "public.csv.gz")


def assays_place(side: str) -> Place:
    """Public data contain their assays; those of private data are a file for the scoring job."""
    if side == "private":
        return (HOST, side, "actual", "public.csv.gz")
    return TRAINING if side == "public" else (side, "actual", "public.csv.gz")


def inputs_place(side: str) -> Place:
    return (side, "preprocess", "public.csv")


def predictions_place(side: str) -> Place:
    return (side, "predictions", "public.csv.out")


def part_place(side: str, number: int) -> Place:
    """For several instances that share the model's inputs."""
    return (side, "parts", f"{number:03}.csv")


def part_predictions_place(side: str, number: int) -> Place:
    return (side, "predictions", f"{number:03}.csv.out")


def training_request(settings: RunSettings) -> Request:
    """Step 1."""
    program = {"sagemaker_program": "train.py", "sagemaker_submit_directory": f"{ML}/input/data/code/{SOURCE[-1]}"}
    arguments = training_arguments(
        settings.image,
        settings.role,
        settings.training.request,
        hyperparameters=program,
        channels={"training": settings.uri(*TRAINING), "code": settings.uri(*SOURCE)}
        | ({AUDIT[0]: settings.uri(*AUDIT)} if settings.observed else {})
        | ({"wheels": settings.wheels} if settings.wheels else {}),
        output=settings.uri("model"),
        seconds=settings.training_seconds,
    )
    audit = _audit(settings, f"{ML}/input/data/{AUDIT[0]}")
    arguments["Environment"] = ENVIRONMENT | audit | _packages(settings, f"{ML}/input/data/wheels")
    return {"TrainingJobName": settings.job("train")} | arguments


def _packages(settings: RunSettings, folder: str) -> dict[str, str]:
    """The variables with which pip installs from a folder of a job alone."""
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": folder} if settings.wheels else {}


def _audit(settings: RunSettings, folder: str) -> dict[str, str]:
    """The variables with which Python imports AUDIT_HOOK from a folder of a job."""
    return {"PYTHONPATH": folder, "RECORE_AUDIT": "log"} if settings.observed else {}


def preprocessing_request(settings: RunSettings, side: str) -> Request:
    """Step 2: preprocess.py alone, started without arguments, as on the platform: its defaults must be right."""
    paths = {
        "--input": f"{PROCESSING}/input/public/public.csv.gz",
        "--output": f"{PROCESSING}/output/preprocess/public.csv",
    }
    request = processing_request(
        settings,
        f"{side} preprocess",
        script=PREPROCESS,
        arguments=paths if settings.pass_paths else {},
        sources={"public": data_place(side)} | ({AUDIT[0]: AUDIT} if settings.observed else {}),
        output=inputs_place(side),
        seconds=settings.training_seconds,
    )
    return request | {"Environment": ENVIRONMENT | _audit(settings, f"{PROCESSING}/input/{AUDIT[0]}")}


def model_request(settings: RunSettings) -> Request:
    """The model that both transform jobs serve, with the submission under code/.

    AWS's image runs `pip install .` there before it serves. pip would fetch setuptools to build it, which fails without
    network. The value 0 of PIP_NO_BUILD_ISOLATION turns build isolation off.
    """
    variables = {
        "PIP_NO_BUILD_ISOLATION": "0",
        "SAGEMAKER_PROGRAM": "train.py",
        "SAGEMAKER_SUBMIT_DIRECTORY": f"{ML}/model/code",
        "SAGEMAKER_MODEL_SERVER_TIMEOUT": str(REQUEST_SECONDS),
    } | _packages(settings, f"{ML}/model/wheels")
    container = {"Image": settings.image, "ModelDataUrl": settings.uri(*MODEL), "Environment": variables | ENVIRONMENT}
    return {
        "ModelName": settings.name,
        "ExecutionRoleArn": settings.role,
        "PrimaryContainer": container,
        "EnableNetworkIsolation": True,
    }


def transform_request(settings: RunSettings, side: str, size: int) -> Request:
    """Step 3: predictions for the model's inputs, one object of `size` bytes of CSV per instance."""
    source = settings.uri(*inputs_place(side))
    if settings.transform.count > 1:
        source = settings.uri(side, "parts") + "/"
    limits: Request = BY_LINES
    split = "Line"
    if size <= settings.max_payload * 10**6:
        limits = {"MaxPayloadInMB": settings.max_payload, "Environment": ONE_WORKER}
        split = "None"
    return limits | {
        "TransformJobName": settings.job(f"{side} predict"),
        "ModelName": settings.name,
        "BatchStrategy": "MultiRecord",
        "ModelClientConfig": {"InvocationsTimeoutInSeconds": REQUEST_SECONDS, "InvocationsMaxRetries": 0},
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": source}},
            "ContentType": "text/csv",
            "SplitType": split,
        },
        "TransformOutput": {
            "S3OutputPath": settings.uri(*predictions_place(side)[:-1]),
            "Accept": "text/csv",
            "AssembleWith": split,
        },
        "TransformResources": settings.transform.request,
    }


def scoring_request(settings: RunSettings, side: str) -> Request:
    """Step 4: the host's score.py, with the raw assays and the predictions."""
    actual, predicted = f"{PROCESSING}/input/actual", f"{PROCESSING}/input/predictions"
    return processing_request(
        settings,
        f"{side} score",
        script=SCORE,
        arguments={
            "--actual": f"{actual}/public.csv.gz",
            "--predicted": f"{predicted}/public.csv.out",
            "--output": f"{PROCESSING}/output/scores/{side}.txt",
        },
        sources={"actual": assays_place(side), "predictions": predictions_place(side)},
        output=(side, "scores", f"{side}.txt"),
        role=settings.scoring_role,
    )


def describe_limits(settings: RunSettings) -> list[str]:
    """Which resources the jobs of a run may use on AWS, and thus what they may cost."""
    jobs = {
        "train": (settings.training, f"at most {JOB_SECONDS} s, {VOLUME_GB} GB of disk"),
        "preprocess, score": (settings.processing, f"each job at most {JOB_SECONDS} s, {VOLUME_GB} GB of disk"),
        "predict": (settings.transform, f"each job at most {JOB_SECONDS} s, each request {REQUEST_SECONDS} s"),
    }
    return [f"{name}: {instances.count} x {instances.type}, {limit}" for name, (instances, limit) in jobs.items()]


def processing_request(
    settings: RunSettings,
    step: str,
    script: Place,
    arguments: Mapping[str, str],
    sources: Mapping[str, Place],
    output: Place,
    seconds: int | None = None,
    role: str | None = None,
) -> Request:
    """A processing job. sources: files by the name of their folder in the job. output: in a folder of the same name."""
    request = processing_arguments(
        settings.image,
        role or settings.role,
        settings.processing.request,
        script[-1],
        arguments,
        inputs={name: settings.uri(*place) for name, place in {"code": script, **sources}.items()},
        output=output[-2],
        target=settings.uri(*output[:-1]),
        seconds=seconds,
    )
    return {"ProcessingJobName": settings.job(step)} | request


# ---- The members of requests that steps of a pipeline have, too: an address or an instance may be an expression ----
def training_arguments(
    image: str,
    role: str,
    instances: Request,
    hyperparameters: Mapping[str, Any],
    channels: Mapping[str, Any],
    output: str,
    seconds: int | None = None,
) -> Request:
    """A request for a training job without its name. channels: addresses by name. seconds: its time limit."""
    return {
        "RoleArn": role,
        "AlgorithmSpecification": {"TrainingImage": image, "TrainingInputMode": "File"},
        "HyperParameters": {name: json.dumps(value) for name, value in hyperparameters.items()},
        "InputDataConfig": [channel(name, uri) for name, uri in channels.items()],
        "OutputDataConfig": {"S3OutputPath": output},
        "ResourceConfig": instances | {"VolumeSizeInGB": VOLUME_GB},
        "StoppingCondition": {"MaxRuntimeInSeconds": seconds or JOB_SECONDS},
        "Environment": ENVIRONMENT,
        "EnableNetworkIsolation": True,
    }


def channel(name: str, uri: Any) -> Request:
    source = {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}}


def processing_arguments(
    image: str,
    role: str,
    instances: Request,
    script: str,
    arguments: Mapping[str, str],
    inputs: Mapping[str, Any],
    output: str,
    target: Any,
    seconds: int | None = None,
) -> Request:
    """A request for a processing job without its name. script: of the input `code`, with these options.

    inputs: addresses by the name of their folder in the job. output: the name of a folder that is uploaded to `target`.
    """
    specification: Request = {
        "ImageUri": image,
        "ContainerEntrypoint": ["python3", f"{PROCESSING}/input/code/{script}"],
    }
    if arguments:
        specification["ContainerArguments"] = [word for pair in arguments.items() for word in pair]
    files = {"S3DataType": "S3Prefix", "S3InputMode": "File", "S3DataDistributionType": "FullyReplicated"}
    folder = {"S3Uri": target, "LocalPath": f"{PROCESSING}/output/{output}", "S3UploadMode": "EndOfJob"}
    return {
        "RoleArn": role,
        "AppSpecification": specification,
        "ProcessingInputs": [
            {"InputName": name, "S3Input": {"S3Uri": uri, "LocalPath": f"{PROCESSING}/input/{name}"} | files}
            for name, uri in inputs.items()
        ],
        "ProcessingOutputConfig": {"Outputs": [{"OutputName": output, "S3Output": folder}]},
        "ProcessingResources": {"ClusterConfig": instances | {"VolumeSizeInGB": VOLUME_GB}},
        "StoppingCondition": {"MaxRuntimeInSeconds": seconds or JOB_SECONDS},
        "Environment": ENVIRONMENT,
        "NetworkConfig": {"EnableNetworkIsolation": True},
    }
