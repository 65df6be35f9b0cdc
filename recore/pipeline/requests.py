"""The requests of a run: plain dictionaries, ready for boto3, and where each file lies on S3 and in a job.

Every job runs without network: a submission is untrusted code, and on AWS its role could read more than its step may.
That is why code comes as a channel and as part of the model, and not from S3.
"""

import json
from dataclasses import dataclass, field
from typing import Any

Request = dict[str, Any]

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3"
ML = "/opt/ml"
PROCESSING = "/opt/ml/processing"
SECONDS = 3600  # that a training or processing job may take, as in the challenge
SERVER_SECONDS = 600  # for one request to the model
VOLUME = 30  # GB of disk
ENVIRONMENT = {"PYTHONHASHSEED": "0"}  # so that a repeated run meets its sets in the same order
MEGABYTES = 100  # the most that Batch Transform takes in one request
BY_LINES = {"MaxPayloadInMB": 6, "MaxConcurrentTransforms": 4}
ONE_WORKER = {"SAGEMAKER_MODEL_SERVER_WORKERS": "1"}  # where one request comes at a time: each loads the libraries anew


@dataclass(frozen=True)
class Instances:
    """How many of which instance type a job runs on."""

    type: str = "ml.m5.xlarge"
    count: int = 1


@dataclass(frozen=True)
class Settings:
    """What the requests of one run share. name: of the run, unique, for it begins every name.

    max_payload: MB of the largest file that goes to the model in one request; larger ones go by lines.
    """

    name: str
    bucket: str
    role: str
    image: str = IMAGE
    training: Instances = field(default_factory=Instances)
    processing: Instances = field(default_factory=Instances)
    transform: Instances = field(default_factory=Instances)
    max_payload: int = MEGABYTES

    def key(self, *names: str) -> str:
        """The key of an object of this run."""
        return "/".join(("recore", self.name, *names))

    def uri(self, *names: str) -> str:
        return f"s3://{self.bucket}/{self.key(*names)}"

    def job(self, step: str) -> str:
        """The name of a step's job."""
        return f"{self.name}-{step.replace(' ', '-')}"


# Where a run's files lie, below its own prefix.
SOURCE = ("source", "source.tar.gz")
PREPROCESS = ("preprocess", "preprocess.py")
SCORE = ("score", "score.py")
TRAINING = ("public", "input", "public.csv.gz")
MODEL = ("model", "model.tar.gz")


def given(side: str) -> tuple[str, ...]:
    """The raw data of public or private, under the one name that the platform gives both."""
    return (side, "input", "public.csv.gz")


def assays(side: str) -> tuple[str, ...]:
    """The file with the assays: public data hold theirs, private ones come apart and only for the scoring job."""
    return TRAINING if side == "public" else (side, "actual", "public.csv.gz")


def inputs(side: str) -> tuple[str, ...]:
    return (side, "preprocess", "public.csv")


def predictions(side: str) -> tuple[str, ...]:
    return (side, "predictions", "public.csv.out")


def part(side: str, number: int) -> tuple[str, ...]:
    """A piece of the model's inputs, where several instances share them."""
    return (side, "parts", f"{number:03}.csv")


def part_predictions(side: str, number: int) -> tuple[str, ...]:
    return (side, "predictions", f"{number:03}.csv.out")


def training(settings: Settings) -> Request:
    """Step 1: the training job."""
    program = {
        "sagemaker_program": "train.py",
        "sagemaker_submit_directory": f"{ML}/input/data/code/{SOURCE[-1]}",
    }
    return {
        "TrainingJobName": settings.job("train"),
        "RoleArn": settings.role,
        "AlgorithmSpecification": {"TrainingImage": settings.image, "TrainingInputMode": "File"},
        "HyperParameters": {name: json.dumps(value) for name, value in program.items()},
        "InputDataConfig": [
            _channel("training", settings.uri(*TRAINING)),
            _channel("code", settings.uri(*SOURCE)),
        ],
        "OutputDataConfig": {"S3OutputPath": settings.uri("model")},
        "ResourceConfig": {
            "InstanceType": settings.training.type,
            "InstanceCount": settings.training.count,
            "VolumeSizeInGB": VOLUME,
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": SECONDS},
        "Environment": ENVIRONMENT,
        "EnableNetworkIsolation": True,
    }


def preprocessing(settings: Settings, side: str) -> Request:
    """Step 2: preprocess.py alone, without arguments, for public or private data at the same path."""
    return _processing(
        settings,
        f"{side} preprocess",
        script=PREPROCESS,
        arguments=[],
        sources={"public": given(side)},
        outputs={"preprocess": inputs(side)},
    )


def model(settings: Settings) -> Request:
    """What both transform jobs serve: the model with the submission under code/."""
    variables = {
        "SAGEMAKER_PROGRAM": "train.py",
        "SAGEMAKER_SUBMIT_DIRECTORY": f"{ML}/model/code",
        "SAGEMAKER_MODEL_SERVER_TIMEOUT": str(SERVER_SECONDS),
    }
    container = {"Image": settings.image, "ModelDataUrl": settings.uri(*MODEL), "Environment": variables | ENVIRONMENT}
    return {
        "ModelName": settings.name,
        "ExecutionRoleArn": settings.role,
        "PrimaryContainer": container,
        "EnableNetworkIsolation": True,
    }


def transform(settings: Settings, side: str, size: int) -> Request:
    """Step 3: the model's inputs, objects of `size` bytes of CSV: each in one request, or by lines where it is too large.

    One object, or as many as instances, which share them.
    """
    source = settings.uri(*inputs(side)) if settings.transform.count == 1 else settings.uri(side, "parts") + "/"
    whole = size <= settings.max_payload * 10**6
    split, assemble = ("None", "None") if whole else ("Line", "Line")
    request: Request = {
        "TransformJobName": settings.job(f"{side} predict"),
        "ModelName": settings.name,
        "BatchStrategy": "MultiRecord",
        "ModelClientConfig": {"InvocationsTimeoutInSeconds": SERVER_SECONDS, "InvocationsMaxRetries": 0},
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": source}},
            "ContentType": "text/csv",
            "SplitType": split,
        },
        "TransformOutput": {
            "S3OutputPath": settings.uri(*predictions(side)[:-1]),
            "Accept": "text/csv",
            "AssembleWith": assemble,
        },
        "TransformResources": {
            "InstanceType": settings.transform.type,
            "InstanceCount": settings.transform.count,
        },
    }
    return request | ({"MaxPayloadInMB": settings.max_payload, "Environment": ONE_WORKER} if whole else BY_LINES)


def scoring(settings: Settings, side: str) -> Request:
    """Step 4: the host's score.py, with the raw assays and the predictions."""
    actual, predicted = f"{PROCESSING}/input/actual", f"{PROCESSING}/input/predictions"
    return _processing(
        settings,
        f"{side} score",
        script=SCORE,
        arguments=[
            *("--actual", f"{actual}/public.csv.gz"),
            *("--predicted", f"{predicted}/public.csv.out"),
            *("--output", f"{PROCESSING}/output/scores/{side}.txt"),
        ],
        sources={"actual": assays(side), "predictions": predictions(side)},
        outputs={"scores": (side, "scores", f"{side}.txt")},
    )


def costs(settings: Settings) -> list[str]:
    """For people: what the jobs of a run may cost on AWS."""
    jobs = {
        "train": (settings.training, f"{SECONDS} s at most, {VOLUME} GB of disk"),
        "preprocess, score": (settings.processing, f"each job {SECONDS} s at most, {VOLUME} GB of disk"),
        "predict": (settings.transform, f"each job without a limit of time, {SERVER_SECONDS} s a request at most"),
    }
    return [f"{name}: {instances.count} x {instances.type}, {limit}" for name, (instances, limit) in jobs.items()]


def _channel(name: str, uri: str) -> Request:
    source = {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}, "InputMode": "File"}


def _processing(
    settings: Settings,
    step: str,
    script: tuple[str, ...],
    arguments: list[str],
    sources: dict[str, tuple[str, ...]],
    outputs: dict[str, tuple[str, ...]],
) -> Request:
    """A processing job: a script, files by the name of their folder in the job, folders for what it leaves."""
    specification: Request = {
        "ImageUri": settings.image,
        "ContainerEntrypoint": ["python3", f"{PROCESSING}/input/code/{script[-1]}"],
    }
    if arguments:
        specification["ContainerArguments"] = arguments
    taken = {
        name: {"S3Uri": settings.uri(*place), "LocalPath": f"{PROCESSING}/input/{name}"}
        for name, place in {"code": script, **sources}.items()
    }
    left = {
        name: {"S3Uri": settings.uri(*place[:-1]), "LocalPath": f"{PROCESSING}/output/{name}"}
        for name, place in outputs.items()
    }
    return {
        "ProcessingJobName": settings.job(step),
        "RoleArn": settings.role,
        "AppSpecification": specification,
        "ProcessingInputs": [
            {"InputName": name, "S3Input": place | {"S3DataType": "S3Prefix", "S3InputMode": "File"}}
            for name, place in taken.items()
        ],
        "ProcessingOutputConfig": {
            "Outputs": [
                {"OutputName": name, "S3Output": place | {"S3UploadMode": "EndOfJob"}} for name, place in left.items()
            ]
        },
        "ProcessingResources": {
            "ClusterConfig": {
                "InstanceType": settings.processing.type,
                "InstanceCount": settings.processing.count,
                "VolumeSizeInGB": VOLUME,
            }
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": SECONDS},
        "Environment": ENVIRONMENT,
        "NetworkConfig": {"EnableNetworkIsolation": True},
    }
