"""Requests of a run, as plain dictionaries for boto3, the keys of the run's objects on S3, and the paths in a job.

Every job runs without network access: a submission is untrusted code, and on AWS its jobs' role could read more than
a step may see. Code is therefore passed in a channel or as part of the model; no job downloads it from S3.
"""

import datetime
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import Any

from recore.backends import IMAGE, Backend

Request = dict[str, Any]
KeyParts = tuple[str, ...]  # parts of an object's key, relative to its run's folder; below PREFIX unless that is first

# First parts of keys by who writes below them: the caller (inputs of a submission's jobs, and of scoring jobs), the
# submissions' role, and the scoring role
PREFIX, HOST, OUTPUTS, SCORES = PREFIXES = "recore", "recore-host", "recore-outputs", "recore-scores"

ML = "/opt/ml"
PROCESSING = "/opt/ml/processing"
JOB_SECONDS = 3600  # time limit of a training or processing job, as in the challenge
REQUEST_SECONDS = 600  # time limit of a request to the model
VOLUME_GB = 30
ENVIRONMENT = {"PYTHONHASHSEED": "0"}  # so that sets have the same order in every run
MAX_PAYLOAD_MB = 100  # MB, the limit of Batch Transform
LINE_BATCHES = {"MaxPayloadInMB": 6, "MaxConcurrentTransforms": 4}
# Runs the script argv[2] with the later arguments if argv[1] lists the hashes of the script and of two input files
CHANGED = "score.py or its data changed on S3"
CHECK_HASHES = (
    "import hashlib, os, sys; hashes, *words = sys.argv[1:]; "
    "' '.join(hashlib.sha256(open(file, 'rb').read()).hexdigest() for file in words[:5:2]) == hashes "
    f"or sys.exit('{CHANGED}'); os.execv(sys.executable, [sys.executable, *words])"
)
AUDIT_HOOK = Path(__file__).with_name("audit") / "sitecustomize.py"
ONE_WORKER = {"SAGEMAKER_MODEL_SERVER_WORKERS": "1"}  # each worker loads the libraries, but requests are sequential


@dataclass(frozen=True)
class Instances:
    type: str = "ml.m5.xlarge"
    count: int = 1

    @property
    def request(self) -> Request:
        return {"InstanceType": self.type, "InstanceCount": self.count}


@dataclass(frozen=True)
class RunSettings:
    """Settings that the requests of one run share. name: the unique prefix of the names of jobs and objects.

    max_payload: the maximum size in MB of a file that is sent to the model in one request; larger files are split by
    lines. pass_paths: whether preprocess.py gets its paths as arguments, for jobs without /opt/ml.
    training_seconds: the time limit of training and preprocessing jobs, by default the platform's. observed: whether
    AUDIT_HOOK reports the events of train.py and preprocess.py. scoring_role: the role of scoring jobs, if different.
    wheels: the S3 URI of required packages; if set, pip uses no index. round_id: part of the names of a round's runs.
    hyperparameters: arguments of the submission's fit() that replace its defaults.
    output_folder: the part of the keys below OUTPUTS that jobs of other runs, with the same role, cannot guess.
    """

    name: str
    bucket: str
    role: str
    image: str = IMAGE
    training: Instances = field(default_factory=Instances)
    processing: Instances = field(default_factory=Instances)
    transform: Instances = field(default_factory=Instances)
    max_payload: int = MAX_PAYLOAD_MB
    pass_paths: bool = False
    training_seconds: int | None = None
    observed: bool = False
    scoring_role: str | None = None
    wheels: str | None = None
    round_id: str = ""
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    output_folder: str = field(default_factory=lambda: token_hex(16))

    @classmethod
    def make(cls, backend: Backend, **others: Any) -> "RunSettings":
        """Return the settings of a run on a backend, with a unique name. others: values of other members."""
        name = unique_name(others.get("round_id", ""))
        defaults = {"pass_paths": not backend.has_ml, "scoring_role": backend.scoring_role}
        return cls(name, backend.bucket, backend.role, backend.image, **defaults | others)

    def key(self, *names: str) -> str:
        prefix, *parts = names if names and names[0] in PREFIXES else (PREFIX, *names)
        return "/".join((prefix, self.name, *([self.output_folder] if prefix == OUTPUTS else []), *parts))

    def uri(self, *names: str) -> str:
        return f"s3://{self.bucket}/{self.key(*names)}"

    def job(self, step: str) -> str:
        return f"{self.name}-{step.replace(' ', '-')}"


def make_round_id(bucket: str, folder: Path) -> str:
    """Return a hash of a round's bucket and folder, which is part of the name of every run of the round."""
    return hashlib.sha256(f"{bucket} {folder.resolve()}".encode()).hexdigest()[:8]


def unique_name(round_id: str = "") -> str:
    """Return a unique name. It has the same form in and outside rounds, so a job cannot tell which command runs it."""
    time = f"{datetime.datetime.now(datetime.UTC):%Y%m%d-%H%M%S}"
    return "-".join(("recore", round_id or token_hex(4), time, token_hex(3)))


SOURCE = ("source", "source.tar.gz")
PREPROCESS = ("preprocess", "preprocess.py")
SCORE = (HOST, "score", "score.py")
TRAINING = ("public", "input", "public.csv.gz")
MODEL = ("model", "model.tar.gz")
AUDIT = ("python", "sitecustomize.py")  # the folder's name is inconspicuous


def data_key(split: str) -> KeyParts:
    """Return the key of a split's data file; the platform names both the public and the private file public.csv.gz."""
    return (split, "input", "public.csv.gz")


def assays_key(split: str) -> KeyParts:
    """Return the key of a split's assays, which are in the public data or, for other splits, in a separate file."""
    return TRAINING if split == "public" else (HOST, split, "actual", "public.csv.gz")


def inputs_key(split: str) -> KeyParts:
    """Return the key of the model's inputs: the caller's copy of what preprocess.py wrote."""
    return (split, "preprocess", "public.csv")


def preprocessed_key(split: str) -> KeyParts:
    return (OUTPUTS, *inputs_key(split))


def predictions_key(split: str) -> KeyParts:
    return (OUTPUTS, split, "predictions", "public.csv.out")


def scored_key(split: str) -> KeyParts:
    """Return the key of the predictions that are scored: the caller's copy of what the model returned."""
    return (HOST, split, "predictions", "public.csv.out")


def scores_key(split: str, suffix: str) -> KeyParts:
    return (SCORES, split, "scores", f"{split}.{suffix}")


def part_key(split: str, number: int) -> KeyParts:
    """Return the key of one instance's part of the model's inputs."""
    return (split, "parts", f"{number:03}.csv")


def part_predictions_key(split: str, number: int) -> KeyParts:
    return (OUTPUTS, split, "predictions", f"{number:03}.csv.out")


def training_request(settings: RunSettings) -> Request:
    """Return the request of step 1, the training job."""
    program = {"sagemaker_program": "train.py", "sagemaker_submit_directory": f"{ML}/input/data/code/{SOURCE[-1]}"}
    arguments = training_arguments(
        settings.image,
        settings.role,
        settings.training.request,
        hyperparameters=program | dict(settings.hyperparameters),
        channels={"training": settings.uri(*TRAINING), "code": settings.uri(*SOURCE)}
        | ({AUDIT[0]: settings.uri(*AUDIT)} if settings.observed else {})
        | ({"wheels": settings.wheels} if settings.wheels else {}),
        output=settings.uri(OUTPUTS, "model"),
        seconds=settings.training_seconds,
    )
    audit = _audit(settings, f"{ML}/input/data/{AUDIT[0]}")
    arguments["Environment"] = ENVIRONMENT | audit | _packages(settings, f"{ML}/input/data/wheels")
    return {"TrainingJobName": settings.job("train")} | arguments


def _packages(settings: RunSettings, folder: str) -> dict[str, str]:
    """Return environment variables that make pip install only from a folder of the job."""
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": folder} if settings.wheels else {}


def _audit(settings: RunSettings, folder: str) -> dict[str, str]:
    """Return environment variables that make Python import AUDIT_HOOK from a folder of the job."""
    return {"PYTHONPATH": folder, "RECORE_AUDIT": "log"} if settings.observed else {}


def preprocessing_request(settings: RunSettings, split: str) -> Request:
    """Return the request of step 2: preprocess.py without arguments (as on the platform) unless pass_paths is set."""
    paths = {
        "--input": f"{PROCESSING}/input/public/public.csv.gz",
        "--output": f"{PROCESSING}/output/preprocess/public.csv",
    }
    request = processing_request(
        settings,
        f"{split} preprocess",
        script=PREPROCESS,
        arguments=paths if settings.pass_paths else {},
        sources={"public": data_key(split)} | ({AUDIT[0]: AUDIT} if settings.observed else {}),
        output=preprocessed_key(split),
        seconds=settings.training_seconds,
    )
    return request | {"Environment": ENVIRONMENT | _audit(settings, f"{PROCESSING}/input/{AUDIT[0]}")}


def model_request(settings: RunSettings) -> Request:
    """Return the request of the model that both transform jobs serve, with the submission under code/.

    AWS's image runs `pip install .` there before serving. PIP_NO_BUILD_ISOLATION=0 turns build isolation off, because
    pip cannot fetch setuptools without network access.
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


def transform_request(settings: RunSettings, split: str, size: int) -> Request:
    """Return the request of step 3, the batch transform. size: the size in bytes of each instance's CSV input."""
    source = settings.uri(*inputs_key(split))
    if settings.transform.count > 1:
        source = settings.uri(split, "parts") + "/"
    limits: Request = LINE_BATCHES
    split_type = "Line"
    if size <= settings.max_payload * 10**6:
        limits = {"MaxPayloadInMB": settings.max_payload, "Environment": ONE_WORKER}
        split_type = "None"
    return limits | {
        "TransformJobName": settings.job(f"{split} predict"),
        "ModelName": settings.name,
        "BatchStrategy": "MultiRecord",
        "ModelClientConfig": {"InvocationsTimeoutInSeconds": REQUEST_SECONDS, "InvocationsMaxRetries": 0},
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": source}},
            "ContentType": "text/csv",
            "SplitType": split_type,
        },
        "TransformOutput": {
            "S3OutputPath": settings.uri(*predictions_key(split)[:-1]),
            "Accept": "text/csv",
            "AssembleWith": split_type,
        },
        "TransformResources": settings.transform.request,
    }


def scoring_request(settings: RunSettings, split: str, hashes: Mapping[KeyParts, str]) -> Request:
    """Return the request of step 4: the host's score.py, with the raw assays and the predictions.

    hashes: the SHA-256 of each uploaded object, by key; the job fails if it reads anything else.
    """
    actual, predicted = f"{PROCESSING}/input/actual", f"{PROCESSING}/input/predictions"
    sources = {"actual": assays_key(split), "predictions": scored_key(split)}
    request = processing_request(
        settings,
        f"{split} score",
        script=SCORE,
        arguments={
            "--actual": f"{actual}/public.csv.gz",
            "--predicted": f"{predicted}/public.csv.out",
            "--output": f"{PROCESSING}/output/scores/{split}.txt",
        },
        sources=sources,
        output=scores_key(split, "txt"),
        role=settings.scoring_role,
    )
    digests = " ".join(hashes[key] for key in (SCORE, *sources.values()))
    request["AppSpecification"]["ContainerEntrypoint"][1:1] = ["-c", CHECK_HASHES, digests]
    return request


def format_limits(settings: RunSettings) -> list[str]:
    """Return a line for each type of job with its AWS instances and limits, which determine its cost."""
    jobs = {
        "train": (settings.training, f"at most {JOB_SECONDS} s, {VOLUME_GB} GB of disk"),
        "preprocess, score": (settings.processing, f"each job at most {JOB_SECONDS} s, {VOLUME_GB} GB of disk"),
        "predict": (settings.transform, f"each job at most {JOB_SECONDS} s, each request {REQUEST_SECONDS} s"),
    }
    return [f"{name}: {instances.count} x {instances.type}, {limit}" for name, (instances, limit) in jobs.items()]


def processing_request(
    settings: RunSettings,
    step: str,
    script: KeyParts,
    arguments: Mapping[str, str],
    sources: Mapping[str, KeyParts],
    output: KeyParts,
    seconds: int | None = None,
    role: str | None = None,
) -> Request:
    """Return the request of a processing job.

    sources: input keys by folder name in the job. output: the output's key; its folder has the same name in the job.
    """
    request = processing_arguments(
        settings.image,
        role or settings.role,
        settings.processing.request,
        script[-1],
        arguments,
        inputs={name: settings.uri(*key) for name, key in {"code": script, **sources}.items()},
        output=output[-2],
        output_uri=settings.uri(*output[:-1]),
        seconds=seconds,
    )
    return {"ProcessingJobName": settings.job(step)} | request


# ---- Members that requests share with the steps of a pipeline, where a URI or an instance may be an expression ----
def training_arguments(
    image: str,
    role: str,
    instances: Request,
    hyperparameters: Mapping[str, Any],
    channels: Mapping[str, Any],
    output: str,
    seconds: int | None = None,
) -> Request:
    """Return the request for a training job, without its name. channels: URIs by name. seconds: the time limit."""
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
    output_uri: Any,
    seconds: int | None = None,
) -> Request:
    """Return the request for a processing job, without its name. script: a file in the input `code`.

    inputs: URIs by the names of their folders in the job. output: the folder that is uploaded to `output_uri`.
    """
    specification: Request = {
        "ImageUri": image,
        "ContainerEntrypoint": ["python3", f"{PROCESSING}/input/code/{script}"],
    }
    if arguments:
        specification["ContainerArguments"] = [word for pair in arguments.items() for word in pair]
    files = {"S3DataType": "S3Prefix", "S3InputMode": "File", "S3DataDistributionType": "FullyReplicated"}
    folder = {"S3Uri": output_uri, "LocalPath": f"{PROCESSING}/output/{output}", "S3UploadMode": "EndOfJob"}
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
