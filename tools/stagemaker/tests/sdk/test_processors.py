"""ScriptProcessor and FrameworkProcessor: a local script, local data, and outputs on S3."""

from pathlib import Path
from typing import Any

import pytest
from sagemaker.core.processing import FrameworkProcessor, ScriptProcessor
from sagemaker.core.shapes import ProcessingInput, ProcessingOutput, ProcessingS3Input, ProcessingS3Output

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3"
SCRIPT = """
import pathlib, sys
text = pathlib.Path("/opt/ml/processing/input/data/numbers.csv").read_text()
pathlib.Path("/opt/ml/processing/output/sum.txt").write_text(str(int(sys.argv[2]) * sum(map(int, text.split(",")))))
"""


@pytest.mark.usefixtures("sandbox")
@pytest.mark.parametrize("processor_class", [ScriptProcessor, FrameworkProcessor])
def test_a_processor_runs_a_script(processor_class: type, tmp_path: Path, s3: Any) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source/sum.py").write_text(SCRIPT)
    (tmp_path / "numbers.csv").write_text("1,2,3")
    bucket, prefix = "sagemaker-us-east-1-123456789012", f"sums/{processor_class.__name__}"
    data = ProcessingS3Input(
        s3_uri=str(tmp_path / "numbers.csv"),
        local_path="/opt/ml/processing/input/data",
        s3_data_type="S3Prefix",
        s3_input_mode="File",
    )
    sums = ProcessingS3Output(
        s3_uri=f"s3://{bucket}/{prefix}", local_path="/opt/ml/processing/output", s3_upload_mode="EndOfJob"
    )
    code = {"code": str(tmp_path / "source/sum.py")}
    if processor_class is FrameworkProcessor:
        code = {"code": "sum.py", "source_dir": str(tmp_path / "source")}
    processor = processor_class(image_uri=IMAGE, command=["python3"], instance_count=1, instance_type="ml.m5.large")
    processor.run(
        **code,
        inputs=[ProcessingInput(input_name="data", s3_input=data)],
        outputs=[ProcessingOutput(output_name="sums", s3_output=sums)],
        arguments=["--factor", "7"],
        wait=False,
    )
    processor.latest_job.wait(poll=1, logs=True)
    assert s3.get_object(Bucket=bucket, Key=f"{prefix}/sum.txt")["Body"].read() == b"42"
