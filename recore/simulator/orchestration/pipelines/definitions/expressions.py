"""What stands in a definition in place of a value: Get, Std:Join and Std:JsonGet.

`parse` checks an expression against what it may refer to, when a pipeline is created, and gives the type of its value;
the same object then evaluates it in an execution.
"""

import datetime
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from botocore.model import Shape

from recore.simulator.compute.batch.json_path import JsonPath, NoSelection, SelectionTooLarge
from recore.simulator.orchestration.pipelines.definitions.document import inside, members
from recore.simulator.orchestration.pipelines.definitions.parameters import Parameter, as_text
from recore.simulator.orchestration.pipelines.definitions.problems import DefinitionError, StepFailure
from recore.simulator.orchestration.pipelines.definitions.property_path import PROPERTY_TYPES, PropertyPath

GET, JOIN, JSON_GET = "Get", "Std:Join", "Std:JsonGet"
EXPERIMENT = "PipelineExperimentConfig"
VARIABLES = (
    "PipelineName",
    "PipelineArn",
    "PipelineExecutionId",
    "PipelineExecutionArn",
    "StartDateTime",
    "CurrentDateTime",
    "TrainingJobName",
    "ProcessingJobName",
)
# that have a value in the arguments of a step of one type alone
JOB_NAMES = {"TrainingJobName": "Training", "ProcessingJobName": "Processing"}
SCALARS = ("string", "integer", "float", "boolean")
STEP = re.compile(r"Steps\.([A-Za-z0-9_-]+)\.")
LONGEST = 1 << 20  # characters that a Std:Join gives
LONGEST_PATH = 256  # characters
MOST_SELECTED = 1000  # values that a step of a Std:JsonGet's path selects


class Referred(Protocol):
    """A step as expressions see it. files: by the name of a property file, its output and its path there."""

    @property
    def name(self) -> str: ...

    @property
    def type_name(self) -> str: ...

    @property
    def files(self) -> Mapping[str, tuple[str, str]]: ...

    def properties(self) -> Mapping[str, Shape]:
        """The shapes of its properties by their names."""

    def check_property(self, path: PropertyPath) -> None:
        """Raise DefinitionError if it will certainly not have the property."""


class ExecutionView(Protocol):
    """An execution as expressions see it."""

    parameters: Mapping[str, Any]
    experiment: Mapping[str, str]  # the names in PipelineExperimentConfig

    def variable(self, name: str) -> str:
        """An execution variable of the step whose expression it is."""

    def properties(self, step: str) -> Mapping[str, Any]:
        """What Describe answered for a step that ended."""

    def read_json(self, uri: str) -> Any:
        """A JSON document on S3. Raises StepFailure."""


@dataclass(frozen=True)
class Scope:
    """What expressions may refer to. experiment: members of PipelineExperimentConfig. type_name: of the step that has
    them; empty outside of any step.
    """

    parameters: Mapping[str, Parameter]
    steps: Mapping[str, Referred]
    experiment: Collection[str] = ()
    type_name: str = ""


class Expression(Protocol):
    """What has a value in an execution."""

    @property
    def type(self) -> str:
        """Of its value: one of SCALARS, list, map, structure, or any, if only an execution can tell."""

    def evaluate(self, context: ExecutionView) -> Any:
        """Its value in an execution. Raises StepFailure."""

    def steps(self) -> Iterator[str]:
        """The names of the steps that it needs."""


def is_expression(value: Any) -> bool:
    if not isinstance(value, dict) or len(value) != 1:
        return False
    [name] = value
    return name == GET or str(name).startswith("Std:")


def has_expression(value: Any) -> bool:
    return is_expression(value) or any(map(has_expression, inside(value)))


def parse(value: Any, scope: Scope) -> Expression:
    """An expression, or a scalar that stands for itself. Raises DefinitionError."""
    if isinstance(value, str | bool | int | float):
        return Literal(value)
    if not is_expression(value):
        raise DefinitionError(f"a value or one of {GET}, {JOIN} and {JSON_GET} is needed here")
    [(function, argument)] = value.items()
    if function == GET and isinstance(argument, str):
        return _parse_get(argument, scope)
    if function == JOIN:
        return _parse_join(argument, scope)
    if function == JSON_GET:
        return _parse_json_get(argument, scope)
    raise DefinitionError(f"the function {function[:80]} is unknown, or its argument is of a wrong type")


def references(value: Any, scope: Scope) -> Iterator[str]:
    """The names of the steps that all expressions in a document need. Raises DefinitionError."""
    if is_expression(value):
        yield from parse(value, scope).steps()
        return
    for item in inside(value):
        yield from references(item, scope)


def _parse_get(text: str, scope: Scope) -> Expression:
    root, _, name = text.partition(".")
    if root == "Parameters":
        if name not in scope.parameters:
            raise DefinitionError(f"there is no parameter '{name[:80]}'")
        parameter = scope.parameters[name]
        return ParameterValue(name, parameter.type.lower())
    if root == "Execution":
        if name not in VARIABLES:
            raise DefinitionError(f"there is no execution variable '{name[:80]}': there are {', '.join(VARIABLES)}")
        if JOB_NAMES.get(name, scope.type_name) != scope.type_name:
            raise DefinitionError(f"Execution.{name} has a value in the arguments of {JOB_NAMES[name]} steps alone")
        return Variable(name)
    if root == EXPERIMENT:
        if name not in scope.experiment:
            raise DefinitionError(f"{EXPERIMENT} has no '{name[:80]}' to which this could refer")
        return ExperimentName(name)
    step = _step(text, scope)
    path = PropertyPath(text.removeprefix(f"Steps.{step.name}."))
    try:
        found = path.shape_in(step.properties())
        step.check_property(path)
    except DefinitionError as problem:
        raise DefinitionError(f"'{text[:200]}': {problem}") from None
    return StepProperty(step.name, path, found)


def _parse_join(argument: Any, scope: Scope) -> Expression:
    given = members(argument, JOIN, {"On": str, "Values": list}, {})
    values = tuple(parse(value, scope) for value in given["Values"])
    for value in values:
        if value.type not in (*SCALARS, "any"):
            raise DefinitionError(f"{JOIN}: a {value.type} cannot be joined")
    return Join(given["On"], values)


def _parse_json_get(argument: Any, scope: Scope) -> Expression:
    given = members(argument, JSON_GET, {"Path": str}, {"PropertyFile": (dict, str), "S3Uri": (dict, str)})
    if ("PropertyFile" in given) == ("S3Uri" in given):
        raise DefinitionError(f"{JSON_GET} has either a PropertyFile or an S3Uri")
    path = _json_path(given["Path"])
    if "S3Uri" in given:
        uri = parse(given["S3Uri"], scope)
        if uri.type not in ("string", "any"):
            raise DefinitionError(f"{JSON_GET}: S3Uri is a {uri.type}, not a text")
        return FileValue(path, uri=uri)
    named = members(given["PropertyFile"], f"{JSON_GET}: PropertyFile", {GET: str}, {})[GET]
    step = _step(named, scope)
    kind, _, name = named.removeprefix(f"Steps.{step.name}.").partition(".")
    if kind != "PropertyFiles" or name not in step.files:
        raise DefinitionError(f"'{named[:200]}': the step {step.name} has no such property file")
    output, file = step.files[name]
    uri_path = PropertyPath(f"ProcessingOutputConfig.Outputs['{output}'].S3Output.S3Uri")
    uri = StepProperty(step.name, uri_path, uri_path.shape_in(step.properties()))
    return FileValue(path, uri=uri, file=file)


def _step(text: str, scope: Scope) -> Referred:
    found = STEP.match(text)
    if found is None:
        raise DefinitionError(f"'{text[:200]}' refers to nothing: Parameters., Execution. and Steps.NAME. are known")
    if found[1] not in scope.steps:
        raise DefinitionError(f"'{text[:200]}': there is no step '{found[1][:80]}'")
    return scope.steps[found[1]]


def _json_path(text: str) -> JsonPath:
    if len(text) > LONGEST_PATH:
        raise DefinitionError(f"{JSON_GET}: a Path has at most {LONGEST_PATH} characters")
    start = "" if text.startswith("$") else "$" if text.startswith("[") else "$."
    try:
        return JsonPath(start + text)
    except ValueError as error:
        raise DefinitionError(f"{JSON_GET}: Path: {error}") from None


@dataclass(frozen=True)
class Literal:
    value: Any

    @property
    def type(self) -> str:
        return {str: "string", bool: "boolean", int: "integer", float: "float"}[type(self.value)]

    def evaluate(self, context: ExecutionView) -> Any:
        return self.value

    def steps(self) -> Iterator[str]:
        return iter(())


@dataclass(frozen=True)
class ParameterValue:
    name: str
    type: str

    def evaluate(self, context: ExecutionView) -> Any:
        return context.parameters[self.name]

    def steps(self) -> Iterator[str]:
        return iter(())


@dataclass(frozen=True)
class Variable:
    name: str
    type: str = "string"

    def evaluate(self, context: ExecutionView) -> Any:
        return context.variable(self.name)

    def steps(self) -> Iterator[str]:
        return iter(())


@dataclass(frozen=True)
class ExperimentName:
    name: str
    type: str = "string"

    def evaluate(self, context: ExecutionView) -> Any:
        return context.experiment[self.name]

    def steps(self) -> Iterator[str]:
        return iter(())


@dataclass(frozen=True)
class StepProperty:
    step: str
    path: PropertyPath
    shape: Shape

    @property
    def type(self) -> str:
        return PROPERTY_TYPES.get(self.shape.type_name, str(self.shape.type_name))

    def evaluate(self, context: ExecutionView) -> Any:
        value = self.path.read(context.properties(self.step))
        return value.isoformat() if isinstance(value, datetime.datetime) else value

    def steps(self) -> Iterator[str]:
        yield self.step


@dataclass(frozen=True)
class Join:
    on: str
    values: tuple[Expression, ...]
    type: str = "string"

    def evaluate(self, context: ExecutionView) -> str:
        texts, length = [], 0
        for value in self.values:
            texts.append(as_text(value.evaluate(context)))
            length += len(texts[-1]) + len(self.on)
            if length > LONGEST:
                raise StepFailure(f"ClientError: {JOIN}: the text has more than {LONGEST} characters")
        return self.on.join(texts)

    def steps(self) -> Iterator[str]:
        for value in self.values:
            yield from value.steps()


@dataclass(frozen=True)
class FileValue:
    """What a path selects in a JSON file. file: the name of the file below the URI, if the URI is not the file's."""

    path: JsonPath
    uri: Expression
    file: str = ""
    type: str = "any"

    def evaluate(self, context: ExecutionView) -> Any:
        uri = str(self.uri.evaluate(context))
        if self.file:
            uri = f"{uri.rstrip('/')}/{self.file}"
        document = context.read_json(uri)
        try:
            value = self.path.select(document, MOST_SELECTED)
        except (NoSelection, SelectionTooLarge) as problem:
            raise StepFailure(f"ClientError: {JSON_GET}: '{self.path.text}' in {uri}: {problem}") from None
        if not isinstance(value, str | bool | int | float):
            raise StepFailure(f"ClientError: {JSON_GET}: '{self.path.text}' in {uri} is not a text, number or boolean")
        return value

    def steps(self) -> Iterator[str]:
        yield from self.uri.steps()
