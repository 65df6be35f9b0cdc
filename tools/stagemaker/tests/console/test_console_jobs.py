"""Jobs in the console: their statuses, logs, metrics, objects and requests."""

import pytest
from stagemaker_support.console_tab import ConsoleTab
from stagemaker_support.simulator_client import OUTPUT, Client, make_output
from stagemaker_support.training_jobs import ALGORITHM, channel
from stagemaker_support.transform_jobs import create_model, transform
from stagemaker_support.tuning_jobs import METRICS, SCRIPT, Tuning, tuning_request

from stagemaker.machine import count_cores
from stagemaker.server import BUCKET

pytestmark = pytest.mark.machine
COUNT = "import time\nfor number in range(600):\n    print('line', number, flush=True)\n    time.sleep(0.2)"
SLEEPING_SCRIPT = "import time\ntime.sleep(600)"
LEARNING_SCRIPT = """
import os, time
for epoch in range(4):
    print(f"loss={1 / (1 + epoch)};", flush=True)
    time.sleep(1)
open(os.environ["SM_MODEL_DIR"] + "/model.txt", "w").write("model")
"""
SERVE = """
def model_fn(model_dir):
    print("loaded", flush=True)
def transform_fn(model, data, content_type, accept):
    if data == "no copper":
        raise ValueError(data)
    return f"{data} rows"
"""
MARKUP = "<img src=x onerror=alert(1)>"


def test_a_user_finds_the_reason_why_a_job_failed(client: Client, tab: ConsoleTab) -> None:
    for script in ("print('good')", "print('better')", f"raise ValueError('no copper in {MARKUP}')"):
        job = client.train(script)
    name = job["TrainingJobName"]
    tab.open()
    row = next(cells for cells in tab.rows("Training jobs") if cells[0] == name)
    assert row[1] == "✕ Failed"
    assert f"no copper in {MARKUP}" in row[4]
    tab.page.get_by_role("link", name=name, exact=True).click()
    tab.wait_for(f"no copper in {MARKUP}", "pre[aria-label='Failure reason']")
    tab.wait_for("Traceback (most recent call last)", "pre[aria-label=Log]")
    assert tab.page.locator("main img").count() == 0


def test_a_job_runs_others_wait_and_its_log_is_followed_until_it_is_stopped(client: Client, tab: ConsoleTab) -> None:
    jobs = [client.train(script, wait=False, seconds=600) for script in (COUNT, *[SLEEPING_SCRIPT] * count_cores())]
    last_name = jobs[-1]["TrainingJobName"]
    tab.open("training")
    tab.wait_for("Waiting for a free CPU: position", "tbody")
    row = next(cells for cells in tab.rows("Training jobs") if cells[0] == last_name)
    assert row[1:4:2] == ["▶ InProgress", ""]
    name = jobs[0]["TrainingJobName"]
    tab.open("training", name)
    log = "pre[aria-label=Log]"
    tab.wait_for("line 3\n", log)
    log_lines = tab.text(log).splitlines()
    assert client.describe("TrainingJob", name)["TrainingJobStatus"] == "InProgress"
    next_line = int(log_lines[-1].split()[1]) + 5
    tab.wait_for(f"line {next_line}\n", log)  # without loading the page again
    lines = [line for line in tab.text(log).splitlines() if line.startswith("line ")]
    assert lines == [f"line {index}" for index in range(len(lines))]
    tab.press("Stop")
    tab.wait_for("Stopped", "h1")
    assert tab.page.get_by_role("button", name="Stop").count() == 0
    for job in jobs[1:]:
        client.stop(job)
    assert client.describe("TrainingJob", name)["TrainingJobStatus"] == "Stopped"
    for job in jobs:
        client.end(job)
    assert tab.open("training", query="?status=Stopped").rows("Training jobs")[-1][:2] == [name, "■ Stopped"]


def test_metrics_are_curves_and_objects_and_request_are_shown(client: Client, tab: ConsoleTab) -> None:
    uri = client.put("console/input/assays.csv", "depth,copper\n1,20\n")
    algorithm = ALGORITHM | {"MetricDefinitions": METRICS}
    inputs = [channel("training", uri.rpartition("/")[0])]
    job = client.train(LEARNING_SCRIPT, AlgorithmSpecification=algorithm, InputDataConfig=inputs)
    tab.open("training", job["TrainingJobName"])
    assert "loss 4 values, last 0.25" in tab.text("figure")
    assert tab.page.locator("figure canvas").bounding_box()["width"] > 300
    assert tab.page.locator("figure :is(a, button)").count() == 0  # nothing that could send the values elsewhere
    tab.page.get_by_text("Values", exact=True).click()
    assert [cells[1] for cells in tab.rows("loss")] == ["1", "0.5", "0.33333", "0.25"]
    objects = dict(tab.rows("Inputs and outputs"))
    assert objects["ModelArtifacts S3ModelArtifacts"] == job["ModelArtifacts"]["S3ModelArtifacts"]
    tab.page.get_by_text("CreateTrainingJob request", exact=True).click()
    request = tab.text("details[data-key='CreateTrainingJob request'] pre")
    assert '"ChannelName": "training"' in request
    assert "TrainingJobStatus" not in request
    tab.page.get_by_role("link", name=f"s3://{BUCKET}/console/input").click()
    tab.page.get_by_role("link", name="assays.csv").click()
    tab.wait_for("depth,copper", "pre[aria-label='First lines']")


def test_processing_jobs_have_logs_and_reasons(client: Client, tab: ConsoleTab) -> None:
    completed_job = client.process("print('cleaned 12 rows')", **make_output(f"s3://{BUCKET}/console/clean"))
    failed_job = client.process(f"open({OUTPUT + '/x'!r})\nraise SystemExit('no rows')")
    tab.open("processing", completed_job["ProcessingJobName"])
    tab.wait_for("cleaned 12 rows", "pre[aria-label=Log]")
    assert f"s3://{BUCKET}/console/clean" in tab.text("[data-key=objects]")
    rows = {cells[0]: cells for cells in tab.open("processing").rows("Processing jobs")}
    assert rows[completed_job["ProcessingJobName"]][1] == "✓ Completed"
    assert rows[failed_job["ProcessingJobName"]][4]


def test_a_transform_job_leads_to_its_output(client: Client, tab: ConsoleTab) -> None:
    job, uri = transform(client, create_model(client, SERVE), {"rows.csv": "1,2"})
    failed_job, _ = transform(client, create_model(client, SERVE), {"rows.csv": "no copper"})
    rows = {cells[0]: cells for cells in tab.open("transform").rows("Transform jobs")}
    assert rows[job["TransformJobName"]][1] == "✓ Completed"
    tab.page.get_by_role("link", name=failed_job["TransformJobName"], exact=True).click()
    tab.wait_for("ValueError: no copper", "pre[aria-label=Log]")
    assert tab.text("pre[aria-label='Failure reason']") == failed_job["FailureReason"]
    tab.open("transform", job["TransformJobName"])
    tab.wait_for("loaded", "pre[aria-label=Log]")
    tab.page.get_by_role("link", name=uri, exact=True).click()
    tab.page.get_by_role("link", name="rows.csv.out").click()
    tab.wait_for("1,2 rows", "pre[aria-label='First lines']")


def test_a_tuning_job_shows_its_objective_by_trial(client: Client, tab: ConsoleTab) -> None:
    tuning = Tuning(client.sagemaker)
    job = tuning.run(tuning_request(client.source(job=SCRIPT), jobs=3))
    name = job["HyperParameterTuningJobName"]
    best = job["BestTrainingJob"]["FinalHyperParameterTuningJobObjectiveMetric"]["Value"]
    tab.open("tuning", name)
    assert f"Best so far: 3 values, last {best:.5g}" in tab.text("figure")
    trials = tab.rows("Trials")
    assert [cells[1] for cells in trials] == ["✓ Completed"] * 3
    assert all(cells[3].startswith("x = ") for cells in trials)
    tab.page.get_by_role("link", name=trials[0][0]).click()
    tab.wait_for(name, "dl")  # a trial leads back to its tuning job


def test_lists_are_filtered_by_the_api_and_paged(client: Client, tab: ConsoleTab) -> None:
    for index in range(30):
        client.sagemaker.create_model_package_group(ModelPackageGroupName=f"paged-{index:02}")
    tab.open("registry")
    tab.page.get_by_label("Name contains").fill("paged-")
    tab.page.keyboard.press("Enter")
    tab.page.wait_for_function("() => location.hash.endsWith('?name=paged-')")
    tab.wait_for("Page 1", ".controls")
    names = [cells[0] for cells in tab.rows("Groups")]
    assert names == [f"paged-{index:02}" for index in range(29, 4, -1)]
    tab.press("Next")
    tab.wait_for("Page 2", ".controls")
    assert [cells[0] for cells in tab.rows("Groups")] == [f"paged-{index:02}" for index in range(4, -1, -1)]
    tab.press("Previous")
    tab.wait_for("Page 1", ".controls")
    assert tab.page.get_by_role("button", name="Previous").is_disabled()
