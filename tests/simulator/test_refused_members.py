"""The table of refused members in docs/reference/simulator-operations.md lists exactly what the simulator refuses.

The table is generated from the simulator's responses: each member of a request, and each value of a member with an
enumeration, is sent in a request of its own. The service model lists the members and values.
"""

import itertools
import operator
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError
from botocore.model import Shape

from recore.simulator.protocol.service_model import value_problems
from recore.simulator.resources.registry import KINDS
from recore.simulator.resources.search import Searches
from recore.simulator.server import Simulator

DOCS = Path(__file__).parents[2] / "docs/reference/simulator-operations.md"
ARN = "arn:aws:sagemaker:us-east-1:123456789012:"
MODEL, ROLE = "sent", "arn:aws:iam::123456789012:role/Role"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
# each pattern in the service model matches at least one of these strings
STRINGS = (
    "x", "/x", "1", "1K", "1.0", "1.0.0", "s3://b/k", "https://x", "text/csv", "ml.m5.large", "mig-1g.5gb",
    "fs-12345678", "sg-1", "a" * 32, f"sha256:{64 * 'a'}", ROLE, "arn:aws:sns:us-east-1:123456789012:x",
    "arn:aws:lambda:us-east-1:123456789012:function:x", f"{ARN}pipeline/x/execution/abcdefghijkl",
    f"{ARN}model-package/x", f"{ARN}model-package-group/x", f"{ARN}training-plan/x", f"{ARN}ml-reservation/x",
    f"{ARN}inference-component/x", f"{ARN}mlflow-app/x", f"{ARN}hub-content/x/Model/y/1.0.0",
    f"{ARN}hub-content/x/DataSet/y/1.0.0",
)  # fmt: skip
NUMBER_RANGE = {"Name": "x", "MinValue": "0", "MaxValue": "1"}
# members with which a request passes all checks for other members
BASES: dict[str, dict[str, Any]] = {
    "CreateModel": {"PrimaryContainer": {"Image": IMAGE}},
    "CreateModelPackage": {"ModelPackageName": "x"},
    "CreateTransformJob": {"ModelName": MODEL, "MaxPayloadInMB": 100, "MaxConcurrentTransforms": 2},
    "CreateHyperParameterTuningJob": {
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 1, "MaxParallelTrainingJobs": 2},
            "ParameterRanges": {"ContinuousParameterRanges": [NUMBER_RANGE]},
            "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "m"},
        },
        "TrainingJobDefinition": {
            "AlgorithmSpecification": {
                "TrainingImage": IMAGE,
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "m", "Regex": "m=(.*)"}],
            },
            "RoleArn": ROLE,
            "OutputDataConfig": {"S3OutputPath": "s3://b/k"},
            "StoppingCondition": {},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        },
    },
    "Search": {"Resource": "TrainingJob"},
}


def test_the_docs_list_every_refused_member() -> None:
    with Simulator(isolation="off") as simulator:
        table = refused_table(simulator)
    assert table in DOCS.read_text(), f"{DOCS} is out of date: the table should be\n{table}"


def refused_table(simulator: Simulator) -> str:
    """Return the table, with a row for each operation that refuses members."""
    rows = ["| operation | refused members and values |", "|---|---|"]
    sagemaker, runtime = simulator.client("sagemaker"), simulator.client("sagemaker-runtime")
    sagemaker.create_model(ModelName=MODEL, ExecutionRoleArn=ROLE, **BASES["CreateModel"])
    operations = [(sagemaker, name) for kind in (*KINDS, Searches) for name in kind.operations()]
    for service, operation in sorted([*operations, (runtime, "InvokeEndpoint")], key=operator.itemgetter(1)):
        shape = service.meta.service_model.operation_model(operation).input_shape
        if shape and (refused := list(_refused_by(service, operation, shape))):
            rows.append(f"| `{operation}` | {', '.join(f'`{member}`' for member in refused)} |")
    return "\n".join(rows)


def _refused_by(service: Any, operation: str, shape: Shape) -> Iterator[str]:
    """Yield the members and values that an operation refuses. shape: the shape of its requests."""
    numbers = itertools.count()
    names = [name for name in shape.required_members if operation.startswith("Create") and name.endswith("Name")]

    def send(request: dict[str, Any]) -> str:
        """Return the message of the error, or an empty string if the request succeeds."""
        try:
            service._make_api_call(operation, request | dict.fromkeys(names[:1], f"refused-{next(numbers)}"))
        except ClientError as error:
            return str(error)
        return ""

    yield from _refused_members(shape, smallest_value(shape) | BASES.get(operation, {}), send, "", set())


def _refused_members(
    shape: Shape, value: dict[str, Any], send: Callable[[dict[str, Any]], str], prefix: str, seen: set[str]
) -> Iterator[str]:
    """Yield the paths of refused members of a structure, once for each shape. send: sends a value of the structure."""
    if shape.name in seen:
        return
    seen.add(shape.name)
    for name, member in shape.members.items():
        inner = value.get(name) or smallest_value(member)
        if name not in value and re.search(rf"\b{name} (is|are) not simulated", send(value | {name: inner})):
            yield f"{prefix}{name}"
        elif member.type_name == "structure":
            yield from _refused_members(
                member, inner, lambda item, name=name: send(value | {name: item}), f"{prefix}{name}.", seen
            )
        elif member.type_name == "list" and member.member.type_name == "structure":
            yield from _refused_members(
                member.member, inner[0], lambda item, name=name: send(value | {name: [item]}), f"{prefix}{name}.", seen
            )
        # any instance type is accepted, and there are hundreds of them
        choices = () if member.name.endswith("InstanceType") else getattr(member, "enum", ())
        for choice in choices:
            if re.search(rf"\b({name}|sorting by) {choice} is not simulated", send(value | {name: choice})):
                yield f"{prefix}{name}: {choice}"


def smallest_value(shape: Shape) -> Any:
    """Return a value that the shape allows, with as few members and items as possible, but at least one item."""
    if shape.type_name == "structure":
        names = shape.required_members or (list(shape.members)[:1] if shape.is_tagged_union else [])
        return {name: smallest_value(shape.members[name]) for name in names}
    if shape.type_name == "list":
        return [smallest_value(shape.member)] * max(1, shape.metadata.get("min", 1))
    if shape.type_name == "string":
        deadline = time.monotonic() + 60
        return next(text for text in (*shape.enum, *STRINGS) if not value_problems(shape, text, "", deadline))
    numbers = {"integer": 1, "long": 1, "float": 0.5, "double": 0.5, "timestamp": 0}
    values = {name: max(number, shape.metadata.get("min", number)) for name, number in numbers.items()}
    return (values | {"map": {}, "boolean": True, "blob": b""})[shape.type_name]
