"""An execution resumes after its simulator was killed: steps that had ended are kept, and nothing is created twice."""

from pathlib import Path
from typing import Any

import pytest
from support.pipelines import Pipelines, condition, equals, fail, get, model, step
from support.simulator_client import IMAGE, Client
from support.state import running

from recore.simulator.server import BUCKET

SPECIFICATION = {
    "Containers": [{"Image": IMAGE}],
    "SupportedContentTypes": ["text/csv"],
    "SupportedResponseMIMETypes": ["text/csv"],
}
# A script that sleeps until it finds that its copy of the object "go" contains "yes".
UNTIL = """
import time
from pathlib import Path
while Path(__file__).with_name("go").read_text() != "yes":
    time.sleep(1)
"""


def names(sagemaker: Any, kind: str) -> list[str]:
    """Return the names of all jobs, models or packages of a simulator."""
    if kind == "packages":
        listed = sagemaker.list_model_packages(ModelPackageGroupName="group")["ModelPackageSummaryList"]
        return [item["ModelPackageArn"] for item in listed]
    if kind == "models":
        return [item["ModelName"] for item in sagemaker.list_models()["Models"]]
    return [item["ProcessingJobName"] for item in sagemaker.list_processing_jobs()["ProcessingJobSummaries"]]


def waiting_steps(pipelines: Pipelines) -> list[dict[str, Any]]:
    """Return two steps that end at once, a job that ends, one that does not, and a step that needs it."""
    waits = pipelines.processing("Waits", UNTIL)
    s3_input = waits["Arguments"]["ProcessingInputs"][0]["S3Input"]
    s3_input["S3Uri"] = s3_input["S3Uri"].rpartition("/")[0]
    pipelines.client.put(f"{s3_input['S3Uri'].removeprefix(f's3://{BUCKET}/')}/go", "no")
    arguments = {"ModelPackageGroupName": "group", "InferenceSpecification": SPECIFICATION}
    register = step("Registered", "RegisterModel", arguments)
    after = model("After", "Waits", A=get("Steps.Quick.ProcessingJobArn"), B=get("Steps.Waits.ProcessingJobName"))
    return [pipelines.processing("Quick", "pass"), model("First"), register, waits, after]


@pytest.mark.slow
def test_an_execution_goes_on_after_sigkill(tmp_path: Path) -> None:
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
        described = pipelines.wait(execution)
        assert described["PipelineExecutionStatus"] == "Succeeded", described.get("FailureReason")
        after = pipelines.steps(execution)
        assert [after[name] for name in ("Quick", "First", "Registered")] == [
            before[name] for name in ("Quick", "First", "Registered")
        ]
        assert (after["Waits"]["AttemptCount"], after["After"]["StepStatus"]) == (2, "Succeeded")
        counts = {kind: len(names(pipelines.sagemaker, kind)) for kind in ("packages", "models", "jobs")}
        assert counts == {"packages": 1, "models": 2, "jobs": 3}
        environment = pipelines.environment(execution, "After")
        assert environment["A"].endswith(before["Quick"]["Metadata"]["ProcessingJob"]["Arn"])
        assert environment["B"] == after["Waits"]["Metadata"]["ProcessingJob"]["Arn"].rpartition("/")[2]
        simulator.end()
    with running("--state", tmp_path) as simulator:
        pipelines = Pipelines(Client(simulator))
        assert pipelines.steps(execution) == after
        pipelines.sagemaker.delete_pipeline(PipelineName=described["PipelineArn"].rpartition("/")[2])


@pytest.mark.slow
@pytest.mark.parametrize("kills", [True, False], ids=["killed", "ended"])
def test_an_execution_that_was_stopping_or_failing(tmp_path: Path, kills: bool) -> None:
    """Such an execution is not started again: it finishes stopping or failing. A waiting execution resumes."""
    sleeps = "import time\ntime.sleep(300)"
    with running("--state", tmp_path) as simulator:
        pipelines = Pipelines(Client(simulator))
        waits = pipelines.start(pipelines.create(pipelines.processing("Sleeps", sleeps)))
        pipelines.wait_for(waits, "Sleeps")
        failed = pipelines.run(condition("C", [equals(1, 1)], [fail("Bad")], []))
        if kills:
            pipelines.sagemaker.stop_pipeline_execution(PipelineExecutionArn=waits)
            simulator.kill()
        else:
            assert simulator.end() == 0
    with running("--state", tmp_path) as simulator:
        pipelines = Pipelines(Client(simulator))
        assert pipelines.describe(failed)["PipelineExecutionStatus"] == "Failed"
        if kills:
            assert pipelines.wait(waits)["PipelineExecutionStatus"] == "Stopped"
            assert pipelines.statuses(waits) == {"Sleeps": "Stopped"}
        else:
            assert pipelines.wait_for(waits, "Sleeps")["AttemptCount"] == 2
            pipelines.sagemaker.stop_pipeline_execution(PipelineExecutionArn=waits)
            assert pipelines.wait(waits)["PipelineExecutionStatus"] == "Stopped"
