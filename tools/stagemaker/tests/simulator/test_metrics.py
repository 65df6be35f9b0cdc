"""Training job metrics: all values are sent in batches to CloudWatch, from which SageMaker's SDK reads them."""

import datetime
import threading
import time

import pytest
from stagemaker_support.training_jobs import ALGORITHM

from stagemaker.compute.logs import metrics
from stagemaker.compute.logs.metrics import TrainingMetrics

pytestmark = pytest.mark.slow

NAMESPACE = "/aws/sagemaker/TrainingJobs"


def train(client, script, **patterns):
    definitions = [{"Name": name, "Regex": pattern} for name, pattern in patterns.items()]
    job = client.train(script, AlgorithmSpecification=ALGORITHM | {"MetricDefinitions": definitions})
    assert job["TrainingJobStatus"] == "Completed", job
    return job


def statistics(client, job, metric, dimension=None, period=60, statistic="Average"):
    name, value = dimension or ("TrainingJobName", job["TrainingJobName"])
    response = client.simulator.client("cloudwatch").get_metric_statistics(
        Namespace=NAMESPACE,
        MetricName=metric,
        Dimensions=[{"Name": name, "Value": value}],
        StartTime=job["TrainingStartTime"] - datetime.timedelta(minutes=bool(dimension)),
        EndTime=job["TrainingEndTime"] + datetime.timedelta(minutes=1),
        Period=period,
        Statistics=[statistic],
    )
    return sorted(response["Datapoints"], key=lambda point: point["Timestamp"])


def test_each_value_is_stored_with_its_time(any_client):
    script = "import time\nfor number in range(4):\n    print(f'loss={number};', flush=True)\n    time.sleep(1.1)"
    job = train(any_client, script + "\nprint('score 7 loss=nan;')", loss="loss=(.*?);", score="score ([0-9]+)")
    points = statistics(any_client, job, "loss", period=1)
    assert [point["Average"] for point in points] == [0, 1, 2, 3]
    times = [point["Timestamp"] for point in points]
    assert job["TrainingStartTime"].replace(microsecond=0) <= times[0] <= times[-1] <= job["TrainingEndTime"]
    assert (times[-1] - times[0]).total_seconds() >= 3
    [score] = statistics(any_client, job, "score")
    assert (score["Average"], score["Timestamp"].second) == (7, 0), "a period starts with a minute"
    final_metrics = {entry["MetricName"]: entry for entry in job["FinalMetricDataList"]}
    assert {name: entry["Value"] for name, entry in final_metrics.items()} == {"loss": 3, "score": 7}
    assert final_metrics["loss"]["Timestamp"] < final_metrics["score"]["Timestamp"]


def test_the_cpu_time_of_all_processes_is_measured(any_client):
    busy_script = "import time\nwhile time.process_time() < 1:\n    pass"
    script = f"import subprocess, sys\nfor _ in range(2):\n    subprocess.run([sys.executable, '-c', {busy_script!r}])"
    job = train(any_client, script)
    host = "Host", f"{job['TrainingJobName']}/algo-1"
    utilization = max(
        point["Maximum"] for point in statistics(any_client, job, "CPUUtilization", host, statistic="Maximum")
    )
    seconds = (job["TrainingEndTime"] - job["TrainingStartTime"]).total_seconds()
    assert utilization / 100 * seconds >= 2


def test_thousands_of_values_are_all_stored(client):
    script = "for number in range(3000):\n    print(f'loss={number};')"
    job = train(client, script, loss="loss=(.*?);")
    points = statistics(client, job, "loss", period=3600, statistic="SampleCount")
    assert sum(point["SampleCount"] for point in points) == 3000


def make_metrics(client, name, **definitions):
    return TrainingMetrics(client.simulator.client("cloudwatch"), NAMESPACE, name, definitions)


@pytest.mark.parametrize("string", ["1_0", "\u0661", "\uff11", "nan", "inf", "1e999", "", "one"])
def test_a_string_that_is_not_a_number_is_not_a_value(client, string):
    training_metrics = make_metrics(client, "texts", loss="loss=(.*?);")
    for line in ("loss= 2.5e0 ;", f"loss={string};"):
        training_metrics.measure(line)
    assert [entry["Value"] for entry in training_metrics.final_values()] == [2.5]


def test_values_are_sent_in_batches(client):
    training_metrics = make_metrics(client, "batches", loss="loss=(.*?);")
    calls = []
    training_metrics._cloudwatch.meta.events.register(
        "before-call.cloudwatch.PutMetricData", lambda **_: calls.append(1)
    )
    for index in range(1200):
        training_metrics.measure(f"loss={index};")
    training_metrics.deliver()
    training_metrics.deliver()
    assert len(calls) == 3


def test_the_number_of_values_is_limited(client, monkeypatch):
    monkeypatch.setattr(metrics, "MAX_VALUES", 10)
    training_metrics = make_metrics(client, "endless", loss="loss=(.*?);")
    for index in range(100):
        training_metrics.measure(f"loss={index};")
    assert len(training_metrics._waiting_data) == 10
    assert training_metrics.final_values()[0]["Value"] == 99
    assert training_metrics.warnings == ["[only the first 10 metric values and the last value of each metric are kept]"]


def test_a_regular_expression_that_is_slow_on_every_line_is_abandoned(client, monkeypatch):
    monkeypatch.setattr(metrics, "SEARCH_SECONDS", 10)  # no line exceeds the time limit for one line
    monkeypatch.setattr(metrics, "MAX_SLOW_SECONDS", 0.5)
    training_metrics = make_metrics(client, "slow", slow="^(a|aa|a?)+$")
    start = time.thread_time()
    for length in range(10, 40):
        line, line_started = "a" * length + "!", time.thread_time()
        training_metrics.measure(line)
        if time.thread_time() - line_started > 5 * metrics.SLOW_SEARCH_SECONDS:
            break
    for _ in range(1000):
        training_metrics.measure(line)
    assert time.thread_time() - start < 15  # another thousand lines would take 20 s
    assert training_metrics.warnings == [
        "[the metric slow is no longer collected: its regular expression takes too long]"
    ]


def test_a_value_is_found_while_another_thread_computes(client):
    training_metrics = make_metrics(client, "busy", loss="[bd]*[ce]|loss=(.*?);")
    has_ended = threading.Event()

    def compute():
        while not has_ended.is_set():
            sum(range(10**7))  # runs longer than PATIENCE without letting another thread run

    thread = threading.Thread(target=compute)
    thread.start()
    try:
        for index in range(10):
            training_metrics.measure("b" * 700 + f"loss={index};")  # takes milliseconds, and lets other threads run
    finally:
        has_ended.set()
        thread.join()
    assert len(training_metrics._waiting_data) == 10
    assert training_metrics.warnings == []


def test_metrics_that_cloudwatch_rejects_are_discarded(client):
    training_metrics = make_metrics(client, "x", loss="loss=(.*?);")
    training_metrics._namespace = "AWS/reserved" * 100
    training_metrics.measure("loss=1;")
    training_metrics.deliver()


def test_a_description_always_includes_the_output_kms_key(client):
    for key in ({}, {"KmsKeyId": "alias/key"}):
        job = client.train("", OutputDataConfig={"S3OutputPath": "s3://bucket/x"} | key)
        assert job["OutputDataConfig"] == {"S3OutputPath": "s3://bucket/x", "KmsKeyId": ""} | key
