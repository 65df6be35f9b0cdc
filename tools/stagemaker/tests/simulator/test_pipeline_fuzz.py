"""Random pipeline definitions are accepted and run, or rejected with a modelled error.

Their steps start no jobs, so many definitions can be tried.
"""

import json
import time
import uuid
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from simulator.shapes import ANYTHING, modified_documents
from stagemaker_support.control_plane import send_request
from stagemaker_support.fuzzing import examples
from stagemaker_support.pipelines import RUNNING, Pipelines, condition, definition, fail, get, join, model

from stagemaker.orchestration.pipelines.step import TRIGGERS
from stagemaker.server import ROLE_ARN

PARAMETERS = [
    {"Name": "S", "Type": "String", "DefaultValue": "text"},
    {"Name": "I", "Type": "Integer", "DefaultValue": 3},
    {"Name": "F", "Type": "Float", "DefaultValue": 0.5},
    {"Name": "B", "Type": "Boolean", "DefaultValue": True},
]
NAMES = ["A", "B", "C", "D", "E"]
PROPERTIES = ["ModelName", "ModelArn", "PrimaryContainer.Environment['x']", "CreationTime", "Outcome", "ErrorMessage"]

paths = st.one_of(
    st.sampled_from([f"Parameters.{name}" for name in ("S", "I", "F", "B", "X")]),
    st.sampled_from([f"Execution.{name}" for name in ("PipelineName", "CurrentDateTime", "TrainingJobName")]),
    st.tuples(st.sampled_from(NAMES), st.sampled_from(PROPERTIES)).map(lambda parts: f"Steps.{parts[0]}.{parts[1]}"),
)
values = st.recursive(
    st.sampled_from(["text", 3, 0.5, True, ""]) | paths.map(get),
    lambda inner: st.lists(inner, max_size=3).map(lambda items: join(*items)),
    max_leaves=4,
)
comparisons = st.one_of(
    st.tuples(st.sampled_from(["Equals", "GreaterThan", "LessThanOrEqualTo"]), values, values).map(
        lambda parts: dict(zip(("Type", "LeftValue", "RightValue"), parts, strict=True))
    ),
    st.tuples(values, st.lists(values, max_size=3)).map(
        lambda parts: {"Type": "In", "QueryValue": parts[0], "Values": parts[1]}
    ),
)
conditions = st.recursive(
    comparisons,
    lambda inner: (
        inner.map(lambda item: {"Type": "Not", "Condition": item})
        | st.lists(inner, min_size=1, max_size=3).map(lambda items: {"Type": "Or", "Conditions": items})
    ),
    max_leaves=3,
)


def steps(names: list[str]) -> st.SearchStrategy[list[dict[str, Any]]]:
    if not names:
        return st.just([])
    triggers = st.fixed_dictionaries({"Step": st.sampled_from(NAMES), "Trigger": st.sampled_from(list(TRIGGERS))})
    dependencies = st.lists(st.sampled_from(NAMES) | triggers, max_size=1)
    name, other_names = names[0], names[1:]
    single_step = st.one_of(
        st.tuples(values, dependencies).map(lambda parts: model(name, *parts[1], x=parts[0])),
        st.tuples(values, dependencies).map(lambda parts: fail(name, parts[0], *parts[1])),
    )
    flat_steps = st.tuples(single_step, st.deferred(lambda: steps(other_names))).map(lambda pair: [pair[0], *pair[1]])
    nested_steps = st.tuples(
        st.lists(conditions, min_size=1, max_size=2), st.deferred(lambda: steps(other_names)), st.booleans()
    )
    return flat_steps | nested_steps.map(
        lambda parts: [condition(name, parts[0], *((parts[1], []) if parts[2] else ([], parts[1])))]
    )


definitions = (
    st.permutations(NAMES).flatmap(steps).map(lambda items: json.loads(definition(*items, Parameters=PARAMETERS)))
)


def create_pipeline(pipelines: Pipelines, source: str) -> tuple[int, Any]:
    request = {"PipelineName": "tried", "RoleArn": ROLE_ARN, "ClientRequestToken": uuid.uuid4().hex}
    body = json.dumps(request | {"PipelineDefinition": source}).encode()
    return send_request(pipelines.client, "SageMaker.CreatePipeline", body)


@examples(8)
@given(document=definitions | definitions.flatmap(modified_documents))
def test_any_definition_is_rejected_or_runs(pipelines: Pipelines, document: Any) -> None:
    status, response = create_pipeline(pipelines, json.dumps(document))
    if status != 200:
        assert (status, response["__type"]) == (400, "ValidationException"), response
        assert "PipelineDefinition" in response["message"], response
        return
    try:
        body = json.dumps({"PipelineName": "tried", "ClientRequestToken": uuid.uuid4().hex}).encode()
        status, response = send_request(pipelines.client, "SageMaker.StartPipelineExecution", body)
        if status != 200:  # one of the parameters has no default value
            assert (status, response["__type"]) == (400, "ValidationException"), response
            return
        execution = response["PipelineExecutionArn"]
        while (description := pipelines.describe(execution))["PipelineExecutionStatus"] in RUNNING:
            time.sleep(0.05)
        assert description["PipelineExecutionStatus"] in ("Succeeded", "CompletedWithFailures", "Failed"), description
        assert "InternalServerError" not in description.get("FailureReason", ""), description
        unsuccessful_steps = [
            name for name, step_status in pipelines.statuses(execution).items() if step_status != "Succeeded"
        ]
        assert bool(unsuccessful_steps) == (description["PipelineExecutionStatus"] != "Succeeded")
    finally:
        pipelines.sagemaker.delete_pipeline(PipelineName="tried")


@examples(40)
@given(string=st.text(max_size=200) | ANYTHING.map(lambda value: json.dumps(value)))
def test_any_string_is_rejected(pipelines: Pipelines, string: str) -> None:
    assert create_pipeline(pipelines, string)[1]["__type"] == "ValidationException"
