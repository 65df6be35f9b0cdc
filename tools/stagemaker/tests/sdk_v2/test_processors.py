"""Processors with a script, a source folder with requirements, local data, and outputs on S3."""

from pathlib import Path
from typing import Any

import pytest
from sagemaker.processing import FrameworkProcessor, ProcessingInput, ProcessingOutput, Processor
from sagemaker.sklearn import SKLearn, SKLearnProcessor
from stagemaker_support.archives import make_wheel

BUCKET = "sagemaker-us-east-1-123456789012"
INSTANCE = {"instance_count": 1, "instance_type": "ml.m5.large"}
SCRIPT = """
import argparse, pathlib
parser = argparse.ArgumentParser()
parser.add_argument("--factor", type=int)
factor = parser.parse_args().factor
text = pathlib.Path("/opt/ml/processing/input/data/numbers.csv").read_text()
pathlib.Path("/opt/ml/processing/output/sum.txt").write_text(str(factor * sum(map(int, text.split(",")))))
"""


@pytest.fixture
def numbers(tmp_path: Path) -> str:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/numbers.csv").write_text("1,2,3")
    return str(tmp_path / "data")


def process(processor: Processor, numbers: str, prefix: str, **members: Any) -> None:
    """Run a processor to its end. It reads numbers and writes its output to a prefix of the bucket."""
    processor.run(
        inputs=[ProcessingInput(source=numbers, destination="/opt/ml/processing/input/data")],
        outputs=[
            ProcessingOutput(
                output_name="sums", source="/opt/ml/processing/output", destination=f"s3://{BUCKET}/{prefix}"
            )
        ],
        arguments=["--factor", "7"],
        wait=False,
        **members,
    )
    processor.sagemaker_session.wait_for_processing_job(processor.latest_job.job_name, poll=1)


@pytest.mark.usefixtures("sandbox")
def test_a_processor_runs_a_script(tmp_path: Path, numbers: str, s3: Any) -> None:
    (tmp_path / "sum.py").write_text(SCRIPT)
    process(SKLearnProcessor("1.2-1", **INSTANCE), numbers, "v2-script", code=str(tmp_path / "sum.py"))
    assert s3.get_object(Bucket=BUCKET, Key="v2-script/sum.txt")["Body"].read() == b"42"


@pytest.mark.usefixtures("sandbox")
def test_a_processor_runs_a_source_folder_with_requirements(tmp_path: Path, numbers: str, s3: Any) -> None:
    """The requirements name a package that no index has, and the job has no network."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "sum.py").write_text("import drilling" + SCRIPT.replace("factor *", "drilling.depth *"))
    (source / "requirements.txt").write_text("scikit-learn\n./drilling-1.0-py3-none-any.whl\n")
    for name, content in make_wheel().items():
        (source / name).write_bytes(content)
    process(
        FrameworkProcessor(SKLearn, "1.2-1", **INSTANCE), numbers, "v2-source", code="sum.py", source_dir=str(source)
    )
    assert s3.get_object(Bucket=BUCKET, Key="v2-source/sum.txt")["Body"].read() == b"462"
