"""The table of rejected members in tools/stagemaker/docs/operations.md matches the simulator.

Each member of a request, and each value of an enumeration, is sent in a separate request; a structure that occurs
several times is tested only once.
"""

import itertools
import json
import operator
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import ClientError
from botocore.model import Shape
from stagemaker_support.documented_tables import assert_documented
from stagemaker_support.simulator_client import CLUSTER, IMAGE, make_input, training_members
from stagemaker_support.training_jobs import channel

from stagemaker.protocol.service_model import value_problems
from stagemaker.resources.registry import KINDS
from stagemaker.resources.search import Searches
from stagemaker.server import Simulator

ARN = "arn:aws:sagemaker:us-east-1:123456789012:"
MODEL, PIPELINE, ROLE = "model", "pipeline", "arn:aws:iam::123456789012:role/Role"
# candidates for the value of a string: each pattern allows at least one of them
STRINGS = (
    "x", "/x", "1", "1K", "1.0", "1.0.0", "s3://b/k", "https://x", "text/csv", "ml.m5.large", "mig-1g.5gb",
    "fs-12345678", "sg-1", "a" * 32, f"sha256:{64 * 'a'}", ROLE, "arn:aws:sns:us-east-1:123456789012:x",
    "arn:aws:lambda:us-east-1:123456789012:function:x", f"{ARN}pipeline/x/execution/abcdefghijkl",
    f"{ARN}model-package/x", f"{ARN}model-package-group/x", f"{ARN}training-plan/x", f"{ARN}ml-reservation/x",
    f"{ARN}inference-component/x", f"{ARN}mlflow-app/x", f"{ARN}hub-content/x/Model/y/1.0.0",
    f"{ARN}hub-content/x/DataSet/y/1.0.0",
)  # fmt: skip
CHANNELS = [channel("x", "s3://b/k")]
TRAINING = training_members() | {"InputDataConfig": CHANNELS}
TRAINING["AlgorithmSpecification"]["MetricDefinitions"] = [{"Name": "m", "Regex": "m=(.*)"}]
STEP = {"Name": "x", "Type": "Fail", "Arguments": {"ErrorMessage": "x"}}
# Members without which a request fails before its other members are checked. So that no job starts, a request that
# creates a job also has a mistake that is found only after all other members have been checked.
BASES: dict[str, dict[str, Any]] = {
    "CreateModel": {"PrimaryContainer": {"Image": IMAGE}},
    "CreateModelPackage": {
        "ModelPackageName": "x",
        "InferenceSpecification": {
            "Containers": [{"Image": IMAGE}],
            "SupportedTransformInstanceTypes": ["ml.m5.large"],
            "SupportedRealtimeInferenceInstanceTypes": ["ml.m5.large"],
        },
    },
    "CreateTrainingJob": TRAINING | {"InputDataConfig": [*CHANNELS, channel("..", "s3://b/k")]},
    "CreateProcessingJob": {
        "AppSpecification": {"ImageUri": IMAGE, "ContainerEntrypoint": ["x"]},
        **make_input("s3://b/k"),
        "ProcessingResources": {"ClusterConfig": CLUSTER | {"InstanceCount": 2}},
    },
    "CreatePipeline": {"PipelineDefinition": json.dumps({"Version": "2020-12-01", "Steps": [STEP]})},
    "ListPipelineExecutions": {"PipelineName": PIPELINE},
    "CreateTransformJob": {"ModelName": MODEL, "MaxPayloadInMB": 100, "MaxConcurrentTransforms": 2},
    "CreateHyperParameterTuningJob": {
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 1, "MaxParallelTrainingJobs": 2},
            "ParameterRanges": {"ContinuousParameterRanges": [{"Name": "x", "MinValue": "0", "MaxValue": "1"}]},
            "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "m"},
        },
        "TrainingJobDefinition": TRAINING,
    },
    "Search": {"Resource": "TrainingJob"},
}
# the errors of base requests with a mistake; the others succeed
BASE_ERRORS = {
    "CreateTrainingJob": "the channel name .. is used twice, or is not a valid folder name",
    "CreateProcessingJob": "only one instance is simulated",
    "CreateTransformJob": r"MaxConcurrentTransforms \* MaxPayloadInMB must not exceed",
    "CreateHyperParameterTuningJob": "MaxParallelTrainingJobs 2 is greater than the number of training jobs",
}


def test_the_docs_list_every_rejected_member() -> None:
    with Simulator(isolation="off") as simulator:
        table = rejection_table(simulator)
    assert_documented(table)


def rejection_table(simulator: Simulator) -> str:
    rows = ["| operation | rejected members and values |", "|---|---|"]
    sagemaker, runtime = simulator.client("sagemaker"), simulator.client("sagemaker-runtime")
    sagemaker.create_model(ModelName=MODEL, ExecutionRoleArn=ROLE, **BASES["CreateModel"])
    sagemaker.create_pipeline(
        PipelineName=PIPELINE, ClientRequestToken="x" * 32, RoleArn=ROLE, **BASES["CreatePipeline"]
    )
    operations = [(sagemaker, name) for kind in (*KINDS, Searches) for name in kind.operations()]
    operations += [(runtime, name) for name in ("InvokeEndpoint", "InvokeEndpointWithResponseStream")]
    for service, operation in sorted(operations, key=operator.itemgetter(1)):
        shape = service.meta.service_model.operation_model(operation).input_shape
        if shape and (names := list(_rejected_by(service, operation, shape))):
            rows.append(_row(f"`{operation}`", names))
        if operation == "CreateModel":
            rows.append(_row("`CreateModel` from a model package", list(_rejected_packaged_members(service))))
    return "\n".join(rows)


def _row(title: str, names: list[str]) -> str:
    return f"| {title} | {', '.join(f'`{member}`' for member in names)} |"


def _rejected_by(service: Any, operation: str, shape: Shape) -> Iterator[str]:
    """Yield the members and values that an operation rejects. shape: the operation's input shape."""
    counter = itertools.count()
    name_members = [name for name in shape.required_members if name == f"{operation.removeprefix('Create')}Name"]

    def send(request: dict[str, Any]) -> str:
        # each created resource has a separate name
        return _error(service, operation, request | dict.fromkeys(name_members, f"x-{next(counter)}"))

    base = smallest_value(shape) | BASES.get(operation, {})
    if operation in BASES:
        assert re.search(BASE_ERRORS.get(operation, "^$"), send(base))
    yield from _rejected_members(shape, base, send, "", set())


def _rejected_packaged_members(service: Any) -> Iterator[str]:
    counter = itertools.count()
    base = BASES["CreateModelPackage"]
    specification = base["InferenceSpecification"]

    def send(container: dict[str, Any]) -> str:
        name = f"packaged-{next(counter)}"
        package = {"ModelPackageName": name, "InferenceSpecification": specification | {"Containers": [container]}}
        service.create_model_package(**base | package)
        model = {"ModelName": name, "ExecutionRoleArn": ROLE, "PrimaryContainer": {"ModelPackageName": name}}
        return _error(service, "CreateModel", model)

    [container] = specification["Containers"]
    assert not send(container)
    shape = service.meta.service_model.shape_for("ModelPackageContainerDefinition")
    yield from _rejected_members(shape, container, send, "Containers.", set())


def _error(service: Any, operation: str, request: dict[str, Any]) -> str:
    try:
        service._make_api_call(operation, request)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
            raise
        return str(error)
    return ""


def _rejected_members(
    shape: Shape, value: dict[str, Any], send: Callable[[dict[str, Any]], str], prefix: str, seen_names: set[str]
) -> Iterator[str]:
    if shape.name in seen_names:
        return
    seen_names.add(shape.name)
    for name, member in shape.members.items():
        content = value.get(name) or smallest_value(member)
        if name not in value and re.search(rf"\b{name} (is|are) not simulated", send(value | {name: content})):
            yield f"{prefix}{name}"
            continue
        if member.type_name == "structure":
            yield from _rejected_members(
                member, content, lambda item, name=name: send(value | {name: item}), f"{prefix}{name}.", seen_names
            )
        elif member.type_name == "list" and member.member.type_name == "structure":
            first, *others = content
            send_item = lambda item, name=name, others=others: send(value | {name: [item, *others]})  # noqa: E731
            yield from _rejected_members(member.member, first, send_item, f"{prefix}{name}.", seen_names)
        # all of the hundreds of instance types are accepted
        choices = () if member.name.endswith("InstanceType") else getattr(member, "enum", ())
        for choice in choices:
            pattern = rf"\b({name}|sorting by) {re.escape(choice)} is not simulated"
            if re.search(pattern, send(value | {name: choice})):
                yield f"{prefix}{name}: {choice}"


def smallest_value(shape: Shape) -> Any:
    """Return a valid value of the shape with as few members and items as possible, but at least one item per list."""
    if shape.type_name == "structure":
        names = shape.required_members or (list(shape.members)[:1] if shape.is_tagged_union else [])
        return {name: smallest_value(shape.members[name]) for name in names}
    if shape.type_name == "list":
        return [smallest_value(shape.member)] * max(1, shape.metadata.get("min", 1))
    if shape.type_name == "string":
        deadline = time.thread_time() + 60
        strings = [text for text in (*shape.enum, *STRINGS) if not value_problems(shape, text, "", deadline)]
        assert strings, f"add a string to STRINGS that {shape.name} allows: {shape.metadata}"
        return strings[0]
    minimums = {"integer": 1, "long": 1, "float": 0.5, "double": 0.5, "timestamp": 0}
    values = {name: max(minimum, shape.metadata.get("min", minimum)) for name, minimum in minimums.items()}
    return (values | {"map": {}, "boolean": True, "blob": b""})[shape.type_name]
