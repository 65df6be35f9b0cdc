"""Training jobs with a custom entry point, as version 3 of SageMaker's SDK creates them."""

import json
from typing import Any

import pytest
from stagemaker_support import training_jobs
from stagemaker_support.archives import archive_of, content, make_wheel

pytestmark = pytest.mark.everywhere

# Files like those that version 3 of the SDK sends: a shell script that runs drivers, which run the user's script.
DRIVERS = {
    "sm_train.sh": """
#!/bin/bash
set -e
export SM_SEEN=$(python3 /opt/ml/input/data/sm_drivers/scripts/look.py)
echo seen > /opt/ml/input/sm_training.env
export SM_INPUT_DIR=/opt/ml/input
cd /opt/ml/input/data/code
if [ -f archive.tar.gz ]; then tar -xzf archive.tar.gz; fi
if [ -n "$WITH_REQUIREMENTS" ]; then python3 -m pip install -r needs.txt; fi
python3 /opt/ml/input/data/sm_drivers/drive.py
""",
    "scripts/look.py": """
import json
read = {}
for name in ("hyperparameters", "inputdataconfig", "resourceconfig"):
    with open(f"/opt/ml/input/config/{name}.json") as file:
        read[name] = json.load(file)
print(json.dumps(read))
""",
    "drive.py": """
import subprocess, sys, traceback
try:
    subprocess.run([sys.executable, "job.py"], check=True)
except subprocess.CalledProcessError as error:
    with open("/opt/ml/output/failure", "w") as file:
        file.write(traceback.format_exc())
    traceback.print_exc()
    sys.exit(error.returncode)
""",
}
DRIVER_SCRIPT = "/opt/ml/input/data/sm_drivers/sm_train.sh"
ALGORITHM_WITH_ENTRYPOINT = training_jobs.ALGORITHM | {
    "ContainerEntrypoint": ["/bin/bash"],
    "ContainerArguments": ["-c", f"chmod +x {DRIVER_SCRIPT} && bash {DRIVER_SCRIPT}"],
}


def run_drivers(client, code: dict[str, str | bytes], *channels: dict[str, Any], **members: Any) -> dict[str, Any]:
    description = {"sourcecode.json": '{"requirements": "needs.txt"}'} if "Environment" in members else {}
    folders = {"code": code, "sm_drivers": DRIVERS | description}
    inputs = [
        *channels,
        *(training_jobs.channel(name, training_jobs.upload_folder(client, **files)) for name, files in folders.items()),
    ]
    return training_jobs.train(
        client, AlgorithmSpecification=ALGORITHM_WITH_ENTRYPOINT, InputDataConfig=inputs, **members
    )


def test_an_entrypoint_may_use_absolute_paths(any_client) -> None:
    code = {"job.py": training_jobs.REPORT + "open(os.environ['SM_MODEL_DIR'] + '/model', 'w').close()"}
    data = training_jobs.channel("training", any_client.put(f"single/{next(training_jobs.counter)}/a.csv", "1"))
    job = run_drivers(any_client, code, data, HyperParameters={"n": "3", "word": "abc"})
    report = training_jobs.report_of(any_client, job)
    assert report["files"]["training/a.csv"] == "1"
    assert "code/job.py" in report["files"]
    configuration = json.loads(report["variables"]["SM_SEEN"])
    assert configuration["hyperparameters"] == {"n": "3", "word": "abc"}
    assert list(configuration["inputdataconfig"]) == ["training", "code", "sm_drivers"]
    assert configuration["resourceconfig"]["hosts"] == [configuration["resourceconfig"]["current_host"]]
    assert content(any_client.get(job["ModelArtifacts"]["S3ModelArtifacts"])) == {"model": b""}


@pytest.mark.parametrize("is_packed", [False, True])
def test_an_entrypoint_can_install_requirements(any_client, is_packed: bool) -> None:
    script = "import drilling\nassert drilling.depth == 77\n" + training_jobs.REPORT
    files = {"job.py": script, "needs.txt": training_jobs.REQUIREMENTS, **make_wheel()}
    code = {"archive.tar.gz": archive_of(**files)} if is_packed else files
    training_jobs.report_of(any_client, run_drivers(any_client, code, Environment={"WITH_REQUIREMENTS": "yes"}))


def test_the_failure_reason_of_an_entrypoint_names_the_exception(any_client) -> None:
    job = run_drivers(any_client, {"job.py": "print('fitting')\nraise ValueError('the spectra have no columns')\n"})
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("AlgorithmError: ")
    assert "ValueError: the spectra have no columns" in job["FailureReason"]
    assert "CalledProcessError" in job["FailureReason"]
    assert job["FailureReason"].endswith(", exit code: 1")
    assert [entry["Status"] for entry in job["SecondaryStatusTransitions"]] == [*training_jobs.SUCCESS[:3], "Failed"]
