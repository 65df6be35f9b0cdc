"""An execution resumes after its simulator is killed: completed steps are kept, and nothing is created twice."""

from pathlib import Path

import pytest
from stagemaker_support.pipelines import SPECIFICATION, Pipelines, condition, created_by, equals, fail, get, model, step
from stagemaker_support.simulator_client import Client
from stagemaker_support.state import running

# A script that sleeps until its copy of the object "go" contains "yes".
WAITING_SCRIPT = """
import time
from pathlib import Path
while Path(__file__).with_name("go").read_text() != "yes":
    time.sleep(1)
"""


@pytest.mark.slow
def test_an_execution_resumes_after_sigkill(tmp_path: Path) -> None:
    with running("--state", tmp_path) as simulator:
        pipelines = Pipelines(Client(simulator))
        waiting_step, set_gate = pipelines.gated_step("Waits", WAITING_SCRIPT)
        arguments = {"ModelPackageGroupName": "group", "InferenceSpecification": SPECIFICATION}
        references = {"A": get("Steps.Quick.ProcessingJobArn"), "B": get("Steps.Waits.ProcessingJobName")}
        steps = [pipelines.processing("Quick", "pass"), model("First"), step("Registered", "RegisterModel", arguments)]
        steps += [waiting_step, model("After", "Waits", **references)]
        execution = pipelines.start(pipelines.create(*steps))
        for name in ("Quick", "First", "Registered"):
            pipelines.wait_for(execution, name, "Succeeded")
        pipelines.wait_for(execution, "Waits")
        old_steps = pipelines.steps(execution)
        set_gate("yes")
        simulator.kill()
    with running("--state", tmp_path) as simulator:
        pipelines = Pipelines(Client(simulator))
        description = pipelines.wait(execution)
        new_steps = pipelines.steps(execution)
        assert [new_steps[name] for name in ("Quick", "First", "Registered")] == [
            old_steps[name] for name in ("Quick", "First", "Registered")
        ]
        assert (new_steps["Waits"]["AttemptCount"], new_steps["After"]["StepStatus"]) == (2, "Succeeded")
        sagemaker = pipelines.sagemaker
        assert len(sagemaker.list_model_packages(ModelPackageGroupName="group")["ModelPackageSummaryList"]) == 1
        assert len(sagemaker.list_models()["Models"]) == 2
        assert len(sagemaker.list_processing_jobs()["ProcessingJobSummaries"]) == 3
        environment = pipelines.environment(execution, "After")
        assert environment["A"].endswith(old_steps["Quick"]["Metadata"]["ProcessingJob"]["Arn"])
        assert environment["B"] == created_by(new_steps["Waits"])
        simulator.end()
    with running("--state", tmp_path) as simulator:
        pipelines = Pipelines(Client(simulator))
        assert pipelines.steps(execution) == new_steps
        pipelines.sagemaker.delete_pipeline(PipelineName=description["PipelineArn"].rpartition("/")[2])


@pytest.mark.slow
@pytest.mark.parametrize("is_killed", [True, False], ids=["killed", "ended"])
def test_stopping_failed_and_running_executions_survive_a_restart(tmp_path: Path, is_killed: bool) -> None:
    with running("--state", tmp_path) as simulator:
        pipelines = Pipelines(Client(simulator))
        execution, _ = pipelines.sleeping()
        failed_execution = pipelines.run(condition("C", [equals(1, 1)], [fail("Bad")], []), status="Failed")
        if is_killed:
            pipelines.sagemaker.stop_pipeline_execution(PipelineExecutionArn=execution)
            simulator.kill()
        else:
            assert simulator.end() == 0
    with running("--state", tmp_path) as simulator:
        pipelines = Pipelines(Client(simulator))
        assert pipelines.describe(failed_execution)["PipelineExecutionStatus"] == "Failed"
        if is_killed:
            pipelines.wait(execution, "Stopped")
            assert pipelines.statuses(execution) == {"Sleeps": "Stopped"}
        else:
            assert pipelines.wait_for(execution, "Sleeps")["AttemptCount"] == 2
            pipelines.stop(execution)
