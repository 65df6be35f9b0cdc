"""ModelTrainer with an image and a source folder: without a session, a role or a bucket."""

import io
import json
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from sagemaker.core.utils.exceptions import FailedStatusError
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import InputData, SourceCode

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3"
SCRIPT = """
import json, os, pathlib, sys
import drilling, numpy
from helper import doubled
data = pathlib.Path(os.environ["SM_CHANNEL_TRAINING"], "numbers.csv").read_text()
report = {"arguments": sys.argv[1:], "settings": json.loads(os.environ["SM_HPS"]), "own": os.environ["OWN"]}
report |= {"doubled": doubled(numpy.fromstring(data, sep=",").sum()), "job": os.environ["TRAINING_JOB_NAME"]}
pathlib.Path(os.environ["SM_MODEL_DIR"], "report.json").write_text(json.dumps(report))
print("this line is the script's")
"""


def make_trainer(source: Path, **members: Any) -> ModelTrainer:
    code = SourceCode(source_dir=str(source), entry_script="fit.py", requirements="needs.txt")
    return ModelTrainer(training_image=IMAGE, source_code=code, **members)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "fit.py").write_text(SCRIPT)
    (folder / "helper.py").write_text("def doubled(value):\n    return float(2 * value)\n")
    (folder / "needs.txt").write_text("scikit-learn\n./drilling-1.0-py3-none-any.whl\n")
    with zipfile.ZipFile(
        folder / "drilling-1.0-py3-none-any.whl", "w"
    ) as file:  # a package that is not in the container
        file.writestr("drilling.py", "")
        file.writestr("drilling-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: drilling\nVersion: 1.0\n")
        file.writestr("drilling-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr("drilling-1.0.dist-info/RECORD", "")
    return folder


def artifacts(trainer: ModelTrainer, s3: Any) -> dict[str, bytes]:
    """Return the contents of the last job's model.tar.gz."""
    uri = trainer._latest_training_job.model_artifacts.s3_model_artifacts
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    with tarfile.open(fileobj=io.BytesIO(s3.get_object(Bucket=bucket, Key=key)["Body"].read())) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar if member.isfile()}


def test_a_trainer_needs_no_session_role_or_bucket(
    source: Path, tmp_path: Path, s3: Any, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/numbers.csv").write_text("1,2,3")
    settings = {"rate": 0.1, "n": 3, "on": True, "list": [1, 2], "deep": {"a": 1}, "word": "abc", "path": "a b"}
    trainer = make_trainer(source, hyperparameters=settings, environment={"OWN": "value"})
    trainer.train(input_data_config=[InputData(channel_name="training", data_source=str(tmp_path / "data"))])
    job = trainer._latest_training_job
    job.refresh()
    assert job.training_job_status == "Completed"
    assert "this line is the script's" in caplog.text
    report = json.loads(artifacts(trainer, s3)["report.json"])
    assert report["settings"] == settings
    arguments = dict(zip(report["arguments"][::2], report["arguments"][1::2], strict=True))
    assert arguments == {
        "--rate": "0.1",
        "--n": "3",
        "--on": "true",
        "--list": "[1, 2]",
        "--deep": '{"a": 1}',
        "--word": "abc",
        "--path": "a b",
    }
    assert report["doubled"] == 12.0
    assert report["own"] == "value"
    assert report["job"] == job.training_job_name


def test_the_failure_reason_is_the_scripts_exception(source: Path) -> None:
    (source / "fit.py").write_text("print('fitting')\nraise ValueError('the spectra have no columns')\n")
    with pytest.raises(FailedStatusError, match="ValueError: the spectra have no columns"):
        make_trainer(source).train()


def test_the_source_may_be_an_archive(source: Path, tmp_path: Path, s3: Any) -> None:
    (source / "fit.py").write_text("import os\nopen(os.environ['SM_MODEL_DIR'] + '/model', 'w').close()\n")
    with tarfile.open(tmp_path / "source.tar.gz", "w:gz") as tar:
        for path in source.iterdir():
            tar.add(path, path.name)
    trainer = make_trainer(tmp_path / "source.tar.gz")
    trainer.train()
    assert artifacts(trainer, s3) == {"model": b""}


def test_a_command_may_replace_the_script(source: Path, s3: Any) -> None:
    code = SourceCode(source_dir=str(source), command="python -c \"open('/opt/ml/model/made','w')\"")
    trainer = ModelTrainer(training_image=IMAGE, source_code=code)
    trainer.train()
    assert artifacts(trainer, s3) == {"made": b""}
