"""Failed, stopped and killed executions of a pipeline that is defined with version 3 of the SDK."""

from pathlib import Path
from typing import Any

import pytest
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

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3"
ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
BUCKET = "sagemaker-us-east-1-123456789012"
__all__ = [
    "test_an_execution_that_failed_is_retried",
    "test_an_execution_that_was_killed_continues",
    "test_an_execution_that_was_stopped_is_retried",
]


@pytest.fixture
def write(tmp_path: Path) -> WritePipeline:
    (tmp_path / "middle.py").write_text(MIDDLE)
    (tmp_path / "others.py").write_text(OTHER_SCRIPT)

    def write() -> Any:
        from sagemaker.core.processing import ScriptProcessor
        from sagemaker.core.shapes import (
            ProcessingInput,
            ProcessingOutput,
            ProcessingS3Input,
            ProcessingS3Output,
        )
        from sagemaker.core.workflow.pipeline_context import PipelineSession
        from sagemaker.mlops.workflow.pipeline import Pipeline
        from sagemaker.mlops.workflow.steps import ProcessingStep

        session = PipelineSession()
        processor = ScriptProcessor(
            image_uri=IMAGE,
            command=["python3"],
            instance_count=1,
            instance_type="ml.m5.large",
            role=ROLE,
            sagemaker_session=session,
        )

        def input_from(uri: Any) -> ProcessingInput:
            s3_input = ProcessingS3Input(s3_uri=uri, local_path=IN, s3_data_type="S3Prefix", s3_input_mode="File")
            return ProcessingInput(input_name="given", s3_input=s3_input)

        others = str(tmp_path / "others.py")
        first = ProcessingStep(name="First", step_args=processor.run(code=others))
        output = ProcessingS3Output(s3_uri=f"s3://{BUCKET}/endings/out", local_path=OUT, s3_upload_mode="EndOfJob")
        step_args = processor.run(
            code=str(tmp_path / "middle.py"),
            inputs=[input_from(WORD)],
            outputs=[ProcessingOutput(output_name="result", s3_output=output)],
        )
        middle = ProcessingStep(name="Middle", step_args=step_args, depends_on=[first])
        result = middle.properties.ProcessingOutputConfig.Outputs["result"].S3Output.S3Uri
        after = ProcessingStep(name="After", step_args=processor.run(code=others, inputs=[input_from(result)]))
        return Pipeline(name="endings", steps=[after, middle, first], sagemaker_session=session)

    return write
