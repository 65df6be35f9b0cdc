"""Training jobs: where the source comes from, the script's environment, and the files that the script leaves behind."""

import json
import re

import pytest
from stagemaker_support import training_jobs
from stagemaker_support.archives import archive_of, content, make_wheel

from stagemaker.server import BUCKET

pytestmark = pytest.mark.everywhere


def test_a_script_receives_its_arguments_environment_variables_and_files(any_client) -> None:
    folder_uri = training_jobs.upload_folder(any_client, **{"a.csv": "1", "deep/b.csv": "2"})
    file_uri = any_client.put(f"single/{next(training_jobs.counter)}/c.csv", "3")
    values = {
        "alpha": "0.5",
        "n": "3",
        "on": "true",
        "list": "[1, 2]",
        "word": "abc",
        "quoted": '"x y"',
        "dash-ed": "1",
    }
    script = (
        "from pathlib import Path\nimport os\n"
        "Path(os.environ['SM_MODEL_DIR'], 'sub').mkdir()\n"
        "Path(os.environ['SM_MODEL_DIR'], 'sub/model.pkl').write_text('fitted')\n"
        "Path(os.environ['SM_OUTPUT_DATA_DIR'], 'plot.svg').write_text('drawn')\n"
        "print('rmse=2.5')\nprint('rmse=1.5e-1;')\nprint('r2=nan')\n" + training_jobs.REPORT
    )
    patterns = {"rmse": "rmse=([0-9.e-]+)", "r2": "r2=(.*)", "never": "never=(.*)"}
    metrics = [{"Name": name, "Regex": pattern} for name, pattern in patterns.items()]
    source = json.dumps(any_client.source(job=script))  # the names may be quoted
    uris = {"training": f"{folder_uri}/", "bare": folder_uri, "single": file_uri}
    job = any_client.train(
        "",
        AlgorithmSpecification=training_jobs.ALGORITHM | {"MetricDefinitions": metrics},
        HyperParameters=values | {"sagemaker_program": '"job.py"', "sagemaker_submit_directory": source},
        Environment={"MY_OWN": "value"},
        InputDataConfig=[training_jobs.channel(name, uri) for name, uri in uris.items()],
    )
    report = training_jobs.report_of(any_client, job)
    assert report["files"] == {
        "bare/a.csv": "1",
        "bare/deep/b.csv": "2",
        "single/c.csv": "3",
        "training/a.csv": "1",
        "training/deep/b.csv": "2",
    }
    arguments = dict(zip(report["arguments"][::2], report["arguments"][1::2], strict=True))
    assert arguments.pop("--quoted") == "x y"
    assert arguments == {
        ("-" if len(key) == 1 else "--") + key: value for key, value in values.items() if key != "quoted"
    } | {"--on": "True"}
    variables = report["variables"]
    assert variables["MY_OWN"] == "value"
    assert variables["TRAINING_JOB_NAME"] == job["TrainingJobName"]
    assert variables["TRAINING_JOB_ARN"] == job["TrainingJobArn"]
    assert variables["SM_HP_DASH-ED"] == "1"
    assert variables["SM_HP_ALPHA"] == "0.5"
    assert json.loads(variables["SM_CHANNELS"]) == ["bare", "single", "training"]
    assert variables["SM_CHANNEL_TRAINING"].endswith("/input/data/training")
    assert variables["SM_CURRENT_INSTANCE_TYPE"] == "ml.m5.large"
    assert not [name for name in variables if name.startswith("AWS_") and "KEY" in name]

    assert [(metric["MetricName"], metric["Value"]) for metric in job["FinalMetricDataList"]] == [
        ("rmse", pytest.approx(0.15))
    ]
    transitions = job["SecondaryStatusTransitions"]
    assert [transition["Status"] for transition in transitions] == training_jobs.SUCCESS
    assert re.fullmatch(r"Packing and uploading the model, [\d.]+ (bytes|kB)", transitions[-2]["StatusMessage"])
    times = [transition["StartTime"] for transition in transitions]
    assert times == sorted(times)
    end_times = [transition["EndTime"] for transition in transitions[:-1]]
    assert [
        (next_start - end).total_seconds() for end, next_start in zip(end_times, times[1:], strict=True)
    ] == pytest.approx([0] * 4, abs=0.1)
    assert job["SecondaryStatus"] == "Completed"
    assert job["CreationTime"] <= job["TrainingStartTime"] <= job["TrainingEndTime"]
    assert "but this job runs with" not in any_client.log(job)
    artifacts = job["ModelArtifacts"]["S3ModelArtifacts"]
    assert artifacts == f"s3://{BUCKET}/models/{job['TrainingJobName']}/output/model.tar.gz"
    assert content(any_client.get(artifacts)) == {"sub/model.pkl": b"fitted"}
    assert content(any_client.get(artifacts.replace("model.tar", "output.tar"))) == {"plot.svg": b"drawn"}


DIRECTORY = "/opt/ml/input/data/code/source.tar.gz"


@pytest.mark.parametrize(
    ("files", "settings"),
    [
        (
            {
                "job.py": f"import drilling\nassert drilling.depth == 77\n{training_jobs.REPORT}",
                "requirements.txt": training_jobs.REQUIREMENTS,
            }
            | make_wheel(),
            {},
        ),
        ({"sourcedir.tar.gz": archive_of(**{"job.py": training_jobs.REPORT})}, {}),
        ({"source.tar.gz": archive_of(**{"job.py": training_jobs.REPORT})}, {"sagemaker_submit_directory": DIRECTORY}),
    ],
    ids=["files", "archive", "named archive"],
)
def test_the_source_comes_from_a_code_channel(any_client, files: dict, settings: dict[str, str]) -> None:
    inputs = [training_jobs.channel("code", training_jobs.upload_folder(any_client, **files))]
    settings = {"sagemaker_program": "job.py", "n": "3"} | settings
    report = training_jobs.report_of(
        any_client, training_jobs.train(any_client, HyperParameters=settings, InputDataConfig=inputs)
    )
    assert report["arguments"] == ["-n", "3"]
    assert report["files"].keys() == {f"code/{name}" for name in files}
