"""Training jobs with a custom entry point, as version 3 of SageMaker's SDK creates them."""

import json

import pytest
from stagemaker_support.archives import archive_of, content, make_wheel
from stagemaker_support.training_jobs import (
    ALGORITHM,
    REPORT,
    REQUIREMENTS,
    SUCCESS,
    channel,
    numbers,
    report_of,
    train,
    upload_folder,
)

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
ALGORITHM_WITH_ENTRYPOINT = ALGORITHM | {
    "ContainerEntrypoint": ["/bin/bash"],
    "ContainerArguments": ["-c", f"chmod +x {DRIVER_SCRIPT} && bash {DRIVER_SCRIPT}"],
}


def test_an_entrypoint_may_use_absolute_paths(any_client) -> None:
    inputs = [
        channel("training", any_client.put(f"single/{next(numbers)}/a.csv", "1")),
        channel(
            "code",
            upload_folder(
                any_client, **{"job.py": REPORT + "open(os.environ['SM_MODEL_DIR'] + '/model', 'w').close()"}
            ),
        ),
        channel("sm_drivers", upload_folder(any_client, **DRIVERS)),
    ]
    job = train(
        any_client,
        AlgorithmSpecification=ALGORITHM_WITH_ENTRYPOINT,
        HyperParameters={"n": "3", "word": "abc"},
        InputDataConfig=inputs,
    )
    report = report_of(any_client, job)
    assert report["files"]["training/a.csv"] == "1"
    assert "code/job.py" in report["files"]
    configuration = json.loads(report["variables"]["SM_SEEN"])
    assert configuration["hyperparameters"] == {"n": "3", "word": "abc"}
    assert list(configuration["inputdataconfig"]) == ["training", "code", "sm_drivers"]
    assert configuration["resourceconfig"]["hosts"] == [configuration["resourceconfig"]["current_host"]]
    assert content(any_client.get(job["ModelArtifacts"]["S3ModelArtifacts"])) == {"model": b""}


@pytest.mark.parametrize("is_packed", [False, True])
def test_an_entrypoint_can_install_requirements(any_client, is_packed: bool) -> None:
    files = {
        "job.py": "import drilling\nassert drilling.depth == 77\n" + REPORT,
        "needs.txt": REQUIREMENTS,
        **make_wheel(),
    }
    inputs = [
        channel("code", upload_folder(any_client, **({"archive.tar.gz": archive_of(**files)} if is_packed else files))),
        channel(
            "sm_drivers", upload_folder(any_client, **DRIVERS, **{"sourcecode.json": '{"requirements": "needs.txt"}'})
        ),
    ]
    variables = {"WITH_REQUIREMENTS": "yes"}
    report_of(
        any_client,
        train(
            any_client, AlgorithmSpecification=ALGORITHM_WITH_ENTRYPOINT, InputDataConfig=inputs, Environment=variables
        ),
    )


def test_an_entrypoints_failure_reason_names_the_scripts_exception(any_client) -> None:
    script = "print('fitting')\nraise ValueError('the spectra have no columns')\n"
    inputs = [
        channel("code", upload_folder(any_client, **{"job.py": script})),
        channel("sm_drivers", upload_folder(any_client, **DRIVERS)),
    ]
    job = train(any_client, AlgorithmSpecification=ALGORITHM_WITH_ENTRYPOINT, InputDataConfig=inputs)
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("AlgorithmError: ")
    assert "ValueError: the spectra have no columns" in job["FailureReason"]
    assert "CalledProcessError" in job["FailureReason"]
    assert job["FailureReason"].endswith(", exit code: 1")
    assert [entry["Status"] for entry in job["SecondaryStatusTransitions"]] == [*SUCCESS[:3], "Failed"]


def test_the_failure_reason_names_a_missing_entrypoint(client) -> None:
    algorithm = ALGORITHM | {"ContainerEntrypoint": ["/opt/ml/no/such"]}
    job = train(client, AlgorithmSpecification=algorithm)
    assert job["TrainingJobStatus"] == "Failed"
    assert "/opt/ml/no/such" in job["FailureReason"]
