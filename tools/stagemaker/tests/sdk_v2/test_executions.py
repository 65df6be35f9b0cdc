"""Failed, stopped and killed executions of a pipeline that is defined with version 2 of the SDK."""

from pathlib import Path

import pytest
from sagemaker import Session
from sagemaker.processing import ProcessingInput, ProcessingOutput
from sagemaker.sklearn import SKLearnProcessor
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.pipeline_context import PipelineSession
from sagemaker.workflow.steps import ProcessingStep
from stagemaker_support.sdk_executions import (
    IN,
    MIDDLE,
    OTHER_SCRIPT,
    OUT,
    WORD,
    WritePipeline,
    test_an_execution_that_failed_is_retried,
    test_an_execution_that_was_killed_continues,
    test_an_execution_that_was_stopped_is_retried,
)

ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
__all__ = [
    "test_an_execution_that_failed_is_retried",
    "test_an_execution_that_was_killed_continues",
    "test_an_execution_that_was_stopped_is_retried",
]


@pytest.fixture
def write(tmp_path: Path) -> WritePipeline:
    (tmp_path / "middle.py").write_text(MIDDLE)
    (tmp_path / "others.py").write_text(OTHER_SCRIPT)

    def write() -> Pipeline:
        session = PipelineSession()
        processor = SKLearnProcessor(
            "1.2-1", ROLE, instance_type="ml.m5.large", instance_count=1, sagemaker_session=session
        )
        others = str(tmp_path / "others.py")
        first = ProcessingStep("First", step_args=processor.run(code=others))
        result = ProcessingOutput(output_name="result", source=OUT)
        step_args = processor.run(
            code=str(tmp_path / "middle.py"), inputs=[ProcessingInput(WORD, IN)], outputs=[result]
        )
        middle = ProcessingStep("Middle", step_args=step_args, depends_on=[first])
        output_uri = middle.properties.ProcessingOutputConfig.Outputs["result"].S3Output.S3Uri
        after = ProcessingStep("After", step_args=processor.run(code=others, inputs=[ProcessingInput(output_uri, IN)]))
        return Pipeline("endings", steps=[after, middle, first], sagemaker_session=Session())

    return write
