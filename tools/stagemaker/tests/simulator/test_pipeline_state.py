"""An execution resumes after its simulator is killed: completed steps are kept, and nothing is created twice."""

from pathlib import Path
from typing import Any

import pytest
from stagemaker_support.pipelines import SPECIFICATION, Pipelines, condition, equals, fail, get, model, step
from stagemaker_support.simulator_client import Client
from stagemaker_support.state import running

from stagemaker.server import BUCKET

# A script that sleeps until its copy of the object "go" contains "yes".
WAITING_SCRIPT = """
import time
from pathlib import Path
while Path(__file__).with_name("go").read_text() != "yes":
    time.sleep(1)
"""


def list_names(sagemaker: Any, kind: str) -> list[str]:
    if kind == "packages":
        summaries = sagemaker.list_model_packages(ModelPackageGroupName="group")["ModelPackageSummaryList"]
        return [item["ModelPackageArn"] for item in summaries]
    if kind == "models":
        return [item["ModelName"] for item in sagemaker.list_models()["Models"]]
    return [item["ProcessingJobName"] for item in sagemaker.list_processing_jobs()["ProcessingJobSummaries"]]


def waiting_steps(pipelines: Pipelines) -> list[dict[str, Any]]:
    waiting_step = pipelines.processing("Waits", WAITING_SCRIPT)
    s3_input = waiting_step["Arguments"]["ProcessingInputs"][0]["S3Input"]
    s3_input["S3Uri"] = s3_input["S3Uri"].rpartition("/")[0]
    pipelines.client.put(f"{s3_input['S3Uri'].removeprefix(f's3://{BUCKET}/')}/go", "no")
    arguments = {"ModelPackageGroupName": "group", "InferenceSpecification": SPECIFICATION}
    register_step = step("Registered", "RegisterModel", arguments)
    model_step = model("After", "Waits", A=get("Steps.Quick.ProcessingJobArn"), B=get("Steps.Waits.ProcessingJobName"))
    return [pipelines.processing("Quick", "pass"), model("First"), register_step, waiting_step, model_step]


@pytest.mark.slow
def test_an_execution_resumes_after_sigkill(tmp_path: Path) -> None:
    with running("--state", tmp_path) as simulator:
        pipelines = Pipelines(Client(simulator))
        steps = waiting_steps(pipelines)
        go = steps[3]["Arguments"]["ProcessingInputs"][0]["S3Input"]["S3Uri"].removeprefix(f"s3://{BUCKET}/") + "/go"
        execution = pipelines.start(pipelines.create(*steps))
        for name in ("Quick", "First", "Registered"):
            pipelines.wait_for(execution, name, "Succeeded")
        pipelines.wait_for(execution, "Waits")
        before = pipelines.steps(execution)
        pipelines.client.put(go, "yes")
        simulator.kill()
    with running("--state", tmp_path) as simulator:
        pipelines = Pipelines(Client(simulator))
        description = pipelines.wait(execution)
        assert description["PipelineExecutionStatus"] == "Succeeded", description.get("FailureReason")
        after = pipelines.steps(execution)
        assert [after[name] for name in ("Quick", "First", "Registered")] == [
            before[name] for name in ("Quick", "First", "Registered")
        ]
        assert (after["Waits"]["AttemptCount"], after["After"]["StepStatus"]) == (2, "Succeeded")
        counts = {kind: len(list_names(pipelines.sagemaker, kind)) for kind in ("packages", "models", "jobs")}
        assert counts == {"packages": 1, "models": 2, "jobs": 3}
        environment = pipelines.environment(execution, "After")
        assert environment["A"].endswith(before["Quick"]["Metadata"]["ProcessingJob"]["Arn"])
        assert environment["B"] == after["Waits"]["Metadata"]["ProcessingJob"]["Arn"].rpartition("/")[2]
        simulator.end()
    with running("--state", tmp_path) as simulator:
        pipelines = Pipelines(Client(simulator))
        assert pipelines.steps(execution) == after
        pipelines.sagemaker.delete_pipeline(PipelineName=description["PipelineArn"].rpartition("/")[2])


@pytest.mark.slow
@pytest.mark.parametrize("is_killed", [True, False], ids=["killed", "ended"])
def test_stopping_failed_and_running_executions_survive_a_restart(tmp_path: Path, is_killed: bool) -> None:
    script = "import time\ntime.sleep(300)"
    with running("--state", tmp_path) as simulator:
        pipelines = Pipelines(Client(simulator))
        execution = pipelines.start(pipelines.create(pipelines.processing("Sleeps", script)))
        pipelines.wait_for(execution, "Sleeps")
        failed_execution = pipelines.run(condition("C", [equals(1, 1)], [fail("Bad")], []))
        if is_killed:
            pipelines.sagemaker.stop_pipeline_execution(PipelineExecutionArn=execution)
            simulator.kill()
        else:
            assert simulator.end() == 0
    with running("--state", tmp_path) as simulator:
        pipelines = Pipelines(Client(simulator))
        assert pipelines.describe(failed_execution)["PipelineExecutionStatus"] == "Failed"
        if is_killed:
            assert pipelines.wait(execution)["PipelineExecutionStatus"] == "Stopped"
            assert pipelines.statuses(execution) == {"Sleeps": "Stopped"}
        else:
            assert pipelines.wait_for(execution, "Sleeps")["AttemptCount"] == 2
            pipelines.sagemaker.stop_pipeline_execution(PipelineExecutionArn=execution)
            assert pipelines.wait(execution)["PipelineExecutionStatus"] == "Stopped"
