"""The expressions that a definition can contain instead of values: Get, Std:Join and Std:JsonGet.

When a pipeline is created, `parse` checks an expression's references and determines the type of its value. It returns
an Expression, which computes the value during an execution.
"""

import datetime
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.model import Shape

from stagemaker.compute.batch_transform.json_path import JsonPath, NoSelection, SelectionTooLarge
from stagemaker.orchestration.pipelines.context import StepContext
from stagemaker.orchestration.pipelines.document import DefinitionError, StepFailure, locate_errors, read_members
from stagemaker.orchestration.pipelines.parameters import Parameter, format_value
from stagemaker.orchestration.pipelines.property_path import PROPERTY_TYPES, PropertyPath
from stagemaker.protocol.service_model import children

if TYPE_CHECKING:
    from stagemaker.orchestration.pipelines.step import PipelineStep

GET, JOIN, JSON_GET = "Get", "Std:Join", "Std:JsonGet"
EXPERIMENT = "PipelineExperimentConfig"
EXECUTION_VARIABLES = (
    "PipelineName PipelineArn PipelineExecutionId PipelineExecutionArn StartDateTime CurrentDateTime TrainingJobName "
    "ProcessingJobName"
).split()
# execution variables that have a value only in the arguments of one type of step
JOB_NAMES = {"TrainingJobName": "Training", "ProcessingJobName": "Processing"}
TYPES = {str: "string", int: "integer", float: "float", bool: "boolean"}
SCALARS = tuple(TYPES.values())
STEP_REFERENCE = re.compile(r"Steps\.([A-Za-z0-9_-]+)\.")
MAX_JOIN_LENGTH = 1 << 20  # characters of the result of a Std:Join
MAX_PATH_LENGTH = 256  # characters
MAX_SELECTED_VALUES = 1000  # maximum for each step of a Std:JsonGet's path


@dataclass(frozen=True)
class Scope:
    """The parameters, steps and members to which expressions may refer.

    experiment: the members of PipelineExperimentConfig. type_name: the type of the step that contains the expressions,
    or an empty string outside a step.
    """

    parameters: Mapping[str, Parameter]
    steps: Mapping[str, "PipelineStep"]
    experiment: Collection[str] = ()
    type_name: str = ""


@dataclass(frozen=True)
class Expression:
    """A parsed expression or constant.

    type: the type of the value: one of SCALARS, list, map, structure, or any if it is known only at run time.
    evaluate: a function that returns the value in an execution, or raises StepFailure. steps: the names of the steps
    that the expression needs. shape: the shape of the step property to which it refers, if any.
    """

    type: str
    evaluate: Callable[[StepContext], Any]
    steps: tuple[str, ...] = ()
    shape: Shape | None = None


class Values:
    """The scalars and expressions of a list. Scalars are not parsed, because there can be hundreds of thousands.

    types: the types of the values, without duplicates. steps: the names of the steps that the expressions need.
    """

    def __init__(self, values: Iterable[Any], scope: Scope) -> None:
        self._values = [
            value if isinstance(value, str | bool | int | float) else parse(value, scope) for value in values
        ]
        expressions = [value for value in self._values if isinstance(value, Expression)]
        scalars = {type(value) for value in self._values} - {Expression}
        self.types = list(dict.fromkeys([*(TYPES[kind] for kind in scalars), *(item.type for item in expressions)]))
        self.steps = steps_of(expressions)

    def evaluate(self, context: StepContext) -> Iterator[Any]:
        for value in self._values:
            yield value.evaluate(context) if isinstance(value, Expression) else value


def is_expression(value: Any) -> bool:
    if not isinstance(value, dict) or len(value) != 1:
        return False
    [name] = value
    return name == GET or str(name).startswith("Std:")


def has_expression(value: Any) -> bool:
    return is_expression(value) or any(map(has_expression, children(value)))


def parse(value: Any, scope: Scope) -> Expression:
    """Parse an expression or a constant scalar. Raises DefinitionError if it is invalid."""
    if isinstance(value, str | bool | int | float):
        return Expression(TYPES[type(value)], lambda _: value)
    if not is_expression(value):
        raise DefinitionError(f"expected a scalar value, {GET}, {JOIN} or {JSON_GET}")
    [(function, argument)] = value.items()
    parse_function = {GET: _parse_get, JOIN: _parse_join, JSON_GET: _parse_json_get}.get(function)
    if parse_function is None or (function == GET and not isinstance(argument, str)):
        raise DefinitionError(f"the function {function[:80]} is unknown, or its argument has the wrong type")
    return parse_function(argument, scope)


def references(value: Any, scope: Scope) -> Iterator[str]:
    """Yield the names of the steps that a document's expressions need. Raises DefinitionError if one is invalid."""
    if is_expression(value):
        yield from parse(value, scope).steps
        return
    for item in children(value):
        yield from references(item, scope)


def steps_of(expressions: Iterable[Expression]) -> tuple[str, ...]:
    return tuple(name for expression in expressions for name in expression.steps)


def _parse_get(reference: str, scope: Scope) -> Expression:
    root, _, name = reference.partition(".")
    if root == "Parameters":
        if name not in scope.parameters:
            raise DefinitionError(f"no parameter is named '{name[:80]}'")
        return Expression(scope.parameters[name].type.lower(), lambda context: context.parameters[name])
    if root == "Execution":
        if name not in EXECUTION_VARIABLES:
            raise DefinitionError(
                f"no execution variable is named '{name[:80]}'; choose from {', '.join(EXECUTION_VARIABLES)}"
            )
        if JOB_NAMES.get(name, scope.type_name) != scope.type_name:
            raise DefinitionError(f"Execution.{name} has a value only in the arguments of {JOB_NAMES[name]} steps")
        return Expression("string", lambda context: context.variable(name))
    if root == EXPERIMENT:
        if name not in scope.experiment:
            raise DefinitionError(f"{EXPERIMENT} has no member '{name[:80]}'")
        return Expression("string", lambda context: context.experiment[name])
    step = _find_step(reference, scope)
    path = PropertyPath(reference.removeprefix(f"Steps.{step.name}."))
    with locate_errors(f"'{reference[:200]}'"):
        return _step_property(step, path)


def _step_property(step: "PipelineStep", path: PropertyPath) -> Expression:
    shape = step.property_shape(path)

    def evaluate(context: StepContext) -> Any:
        value = path.read(context.properties(step.name))
        return value.isoformat() if isinstance(value, datetime.datetime) else value

    return Expression(PROPERTY_TYPES.get(shape.type_name, shape.type_name), evaluate, (step.name,), shape)


def _parse_join(argument: Any, scope: Scope) -> Expression:
    members = read_members(argument, JOIN, {"On": str, "Values": list}, {})
    values = Values(members["Values"], scope)
    for type_name in values.types:
        if type_name not in (*SCALARS, "any"):
            raise DefinitionError(f"{JOIN}: a {type_name} cannot be joined")

    def evaluate(context: StepContext) -> str:
        strings, length = list[str](), 0
        for value in values.evaluate(context):
            strings.append(format_value(value))
            length += len(strings[-1]) + len(members["On"])
            if length > MAX_JOIN_LENGTH:
                raise StepFailure(f"ClientError: {JOIN}: the joined string exceeds {MAX_JOIN_LENGTH} characters")
        return str(members["On"]).join(strings)

    return Expression("string", evaluate, values.steps)


def _parse_json_get(argument: Any, scope: Scope) -> Expression:
    members = read_members(argument, JSON_GET, {"Path": str}, {"PropertyFile": (dict, str), "S3Uri": (dict, str)})
    if ("PropertyFile" in members) == ("S3Uri" in members):
        raise DefinitionError(f"{JSON_GET} must have either a PropertyFile or an S3Uri")
    path = _json_path(members["Path"])
    if "S3Uri" in members:
        uri = parse(members["S3Uri"], scope)
        if uri.type not in ("string", "any"):
            raise DefinitionError(f"{JSON_GET}: S3Uri must be of type string, not {uri.type}")
    else:
        uri = _property_file(members["PropertyFile"], scope)

    def evaluate(context: StepContext) -> Any:
        source = str(uri.evaluate(context))
        document = context.read_json(source)
        try:
            value = path.select(document, MAX_SELECTED_VALUES)
        except (NoSelection, SelectionTooLarge) as problem:
            raise StepFailure(f"ClientError: {JSON_GET}: '{path.string}' in {source}: {problem}") from None
        if not isinstance(value, str | bool | int | float):
            raise StepFailure(
                f"ClientError: {JSON_GET}: '{path.string}' in {source} is not a string, number or boolean"
            )
        return value

    return Expression("any", evaluate, uri.steps)


def _property_file(document: Any, scope: Scope) -> Expression:
    reference = read_members(document, f"{JSON_GET}: PropertyFile", {GET: str}, {})[GET]
    step = _find_step(reference, scope)
    kind, _, name = reference.removeprefix(f"Steps.{step.name}.").partition(".")
    if kind != "PropertyFiles" or name not in step.files:
        raise DefinitionError(f"'{reference[:200]}': the step {step.name} has no such property file")
    output, file = step.files[name]
    folder = _step_property(step, PropertyPath(f"ProcessingOutputConfig.Outputs['{output}'].S3Output.S3Uri"))

    def evaluate(context: StepContext) -> str:
        return f"{str(folder.evaluate(context)).rstrip('/')}/{file}"

    return Expression("string", evaluate, folder.steps)


def _find_step(reference: str, scope: Scope) -> "PipelineStep":
    match = STEP_REFERENCE.match(reference)
    if match is None:
        beginnings = f"Parameters., Execution., {EXPERIMENT}. or Steps.NAME."
        raise DefinitionError(f"'{reference[:200]}' is not a valid reference; references begin with {beginnings}")
    if match[1] not in scope.steps:
        raise DefinitionError(f"'{reference[:200]}': no step is named '{match[1][:80]}'")
    return scope.steps[match[1]]


def _json_path(path: str) -> JsonPath:
    if len(path) > MAX_PATH_LENGTH:
        raise DefinitionError(f"{JSON_GET}: a Path must not exceed {MAX_PATH_LENGTH} characters")
    start = "" if path.startswith("$") else "$" if path.startswith("[") else "$."
    try:
        return JsonPath(start + path)
    except ValueError as error:
        raise DefinitionError(f"{JSON_GET}: Path: {error}") from None
