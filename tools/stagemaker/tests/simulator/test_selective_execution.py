"""Selective executions: the selected steps run with the results of an earlier execution."""

from typing import Any

import pytest
from stagemaker_support.pipelines import FAILING_SCRIPT, Pipelines, get, model
from stagemaker_support.simulator_client import rejection

STEPS = (
    model("First", text=get("Parameters.Text")),
    model("Second", first=get("Steps.First.ModelArn"), text=get("Parameters.Text")),
    model("Third", second=get("Steps.Second.ModelArn")),
)
PARAMETERS = [{"Name": "Text", "Type": "String", "DefaultValue": "default"}]


@pytest.fixture
def pipeline(pipelines: Pipelines) -> str:
    return pipelines.create(*STEPS, Parameters=PARAMETERS)


def start(pipelines: Pipelines, pipeline: str, *steps: str, source: str | None = None, **members: Any) -> str:
    config: dict[str, Any] = {"SelectedSteps": [{"StepName": name} for name in steps]}
    config |= {"SourcePipelineExecutionArn": source} if source else {}
    request = {"PipelineName": pipeline, "SelectiveExecutionConfig": config} | members
    return pipelines.sagemaker.start_pipeline_execution(**request)["PipelineExecutionArn"]


def test_the_selected_steps_run_with_results_of_the_source(pipelines: Pipelines, pipeline: str) -> None:
    source = pipelines.start(pipeline, Text="given")
    pipelines.wait(source)
    execution = start(pipelines, pipeline, "Second", source=source)
    description = pipelines.wait(execution)
    assert description["SelectiveExecutionConfig"] == {
        "SelectedSteps": [{"StepName": "Second"}],
        "SourcePipelineExecutionArn": source,
    }
    first, second = pipelines.steps(execution).values()
    assert (first["StepName"], second["StepName"]) == ("First", "Second")
    assert first["SelectiveExecutionResult"] == {"SourcePipelineExecutionArn": source}
    assert first["Metadata"] == pipelines.steps(source)["First"]["Metadata"]
    assert "SelectiveExecutionResult" not in second
    environment = pipelines.environment(execution, "Second")
    assert environment == {"first": first["Metadata"]["Model"]["Arn"], "text": "given"}  # from the source
    parameters = [{"Name": "Text", "Value": "other"}]
    second = start(pipelines, pipeline, "Second", "Third", source=execution, PipelineParameters=parameters)
    pipelines.wait(second)
    assert pipelines.statuses(second) == dict.fromkeys(("First", "Second", "Third"), "Succeeded")
    assert pipelines.environment(second, "Second")["text"] == "other"


def test_steps_without_predecessors_need_no_source(pipelines: Pipelines, pipeline: str) -> None:
    execution = start(pipelines, pipeline, "First")
    pipelines.wait(execution)
    assert pipelines.statuses(execution) == {"First": "Succeeded"}


def test_invalid_selections_are_rejected(pipelines: Pipelines, pipeline: str) -> None:
    failed_arn = pipelines.run(pipelines.processing("Stop", FAILING_SCRIPT), model("After", "Stop"), status="Failed")
    pipeline_name = failed_arn.partition("/execution")[0].rpartition("/")[2]

    def reason(*arguments: Any, **members: Any) -> str:
        return rejection(lambda: start(pipelines, *arguments, **members))

    assert "the pipeline has no step 'Fourth'" in reason(pipeline, "Fourth")
    fix = "select it, too, or specify a SourcePipelineExecutionArn"
    assert f"step 'First' is needed by selected steps; {fix}" in reason(pipeline, "Second")
    assert "step 'Stop' did not succeed in the source execution" in reason(pipeline_name, "After", source=failed_arn)
    source = pipelines.start(pipeline)
    pipelines.wait(source)
    assert "step 'Second' is between selected steps" in reason(pipeline, "First", "Third", source=source)
    assert "is an execution of a different pipeline" in reason(pipeline, "Second", source=failed_arn)
