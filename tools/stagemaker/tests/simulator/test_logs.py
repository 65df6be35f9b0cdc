"""Job logs are streamed while a job runs, truncated at size limits, and searched for metrics."""

import os
import re
import time
from types import SimpleNamespace

import psutil
import pytest
from botocore.exceptions import ClientError
from stagemaker_support.job_traces import wait_until
from stagemaker_support.training_jobs import ALGORITHM

from stagemaker.compute.logs import log_stream
from stagemaker.compute.logs.metrics import TrainingMetrics
from stagemaker.compute.processes import process


def test_output_is_available_while_the_job_runs(any_client):
    script = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(print('last word')))
print('first word', flush=True)
time.sleep(600)
"""
    job = any_client.process(script, wait=False, seconds=600)
    wait_until(lambda: "first word" in any_client.log(job))
    assert any_client.describe("ProcessingJob", job["ProcessingJobName"])["ProcessingJobStatus"] == "InProgress"
    assert "last word" not in any_client.log(job)
    any_client.stop(job)
    any_client.end(job)
    assert any_client.log(job) == "first word\nlast word"


def flood(client, megabytes):
    script = f"""
import sys
print('first')
sys.stdout.flush()
line = b'x' * 1023 + b'\\n'
for _ in range({megabytes} << 10):
    sys.stdout.buffer.write(line)
sys.stdout.flush()
sys.exit('too much')
"""
    job = client.process(script, seconds=300)
    end = "\n".join([*["x" * 1000] * 4, "too much"])[-900:]
    assert job["FailureReason"] == f"AlgorithmError: {end}, exit code: 1"
    log = client.log(job)
    assert len(log) <= log_stream.MAX_OUTPUT_BYTES
    assert log.startswith("first\nxxx")
    assert log.endswith("xxx\ntoo much")
    (size,) = re.findall(r"(?m)^\[([\d,.]+) MiB of output omitted here; the first and last [\d.]+ MiB are kept\]$", log)
    assert float(size.replace(",", "")) == pytest.approx(megabytes - len(log) / (1 << 20), abs=0.1)


def test_a_log_keeps_the_first_and_the_last_part_of_an_output(client, monkeypatch):
    monkeypatch.setattr(log_stream, "MAX_OUTPUT_BYTES", 1 << 20)
    flood(client, 8)


@pytest.mark.timing
def test_a_gigabyte_of_output_takes_little_memory(client):
    memory_before = psutil.Process().memory_info().rss
    flood(client, 1024)
    assert psutil.Process().memory_info().rss - memory_before < 200 << 20


def test_short_lines_count_with_their_overhead(client, monkeypatch):
    monkeypatch.setattr(log_stream, "MAX_OUTPUT_BYTES", 1 << 20)
    monkeypatch.setattr(process, "READ_SIZE", 1 << 10)
    job = client.process("import sys\nsys.stdout.write('\\n' * 100_000)")
    assert job["ProcessingJobStatus"] == "Completed"
    log = client.log(job)
    assert log.count("\n") < log_stream.MAX_OUTPUT_BYTES / log_stream.LINE_OVERHEAD
    assert re.search(r"\n\[0\.\d MiB of output omitted here; the first and last 0\.5 MiB are kept\]\n", log)


def test_events_are_found_by_a_log_stream_prefix(client):
    names = [client.process(f"print('from job {index}')")["ProcessingJobName"] for index in range(2)]
    group = {"logGroupName": "/aws/sagemaker/ProcessingJobs"}
    for index, name in enumerate(names):
        response = client.logs.filter_log_events(**group, logStreamNamePrefix=f"{name}/")
        assert [event["message"] for event in response["events"]] == [f"from job {index}"]
    assert client.logs.filter_log_events(**group, logStreamNamePrefix="no-such-stream")["events"] == []
    with pytest.raises(ClientError, match="InvalidParameterException"):
        client.logs.filter_log_events(**group, logStreamNamePrefix="a", logStreamNames=["b"])
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        client.logs.filter_log_events(logGroupName="no-such-group", logStreamNamePrefix="a")


@pytest.mark.timing
def test_short_lines_take_little_memory(client):
    memory_before = psutil.Process().memory_info().rss
    job = client.process("import sys\nsys.stdout.write('\\n' * 2_000_000)")
    assert job["ProcessingJobStatus"] == "Completed"
    assert psutil.Process().memory_info().rss - memory_before < 400 << 20


def test_a_line_of_100_megabytes_is_split(client):
    job = client.process("import sys\nfor _ in range(100):\n    sys.stdout.write('x' * (1 << 20))\nprint('end')")
    assert job["ProcessingJobStatus"] == "Completed"
    lines = client.log(job).splitlines()
    assert "[84.1 MiB of output omitted here; the first and last 8 MiB are kept]" in lines
    assert lines[-1].endswith("end")
    assert max(map(len, lines)) <= 2 * log_stream.MAX_EVENT_BYTES


def test_a_job_can_print_binary_output(client):
    noise_code = "bytes(range(256)) + b'\\n' + random.Random(1).randbytes(1 << 16) + b'\\nend\\n'"
    script = f"import random, sys\nsys.stdout.buffer.write({noise_code})"
    job = client.process(script)
    assert job["ProcessingJobStatus"] == "Completed"
    assert client.log(job).endswith("end")


def test_a_job_can_close_its_output(any_client):
    job = any_client.process("import os, time\nos.close(1)\nos.close(2)\ntime.sleep(1)")
    assert job["ProcessingJobStatus"] == "Completed"


def test_a_job_completes_if_its_log_group_is_deleted(client):
    script = "import time\nfor _ in range(30):\n    print('again', flush=True)\n    time.sleep(0.1)"
    job = client.process(script, wait=False)
    wait_until(lambda: "again" in client.log(job))
    client.logs.delete_log_group(logGroupName="/aws/sagemaker/ProcessingJobs")
    assert client.end(job)["ProcessingJobStatus"] == "Completed"
    assert client.process("print('next')")["ProcessingJobStatus"] == "Completed"


def test_invalid_and_slow_metric_definitions_are_ignored(client):
    printed_text = "loss=0.75;\nloss=0.5;\nscore 1e-3\nword=abc;\nnan=nan;\n" + "a" * 60 + "!"
    patterns = {
        "loss": "loss=(.*?);",
        "score": "score ([0-9e.-]+)",
        "word": "word=(.*?);",
        "nan": "nan=(.*?);",
        "groupless": "loss",
        "empty": "loss=(x)?",
        "slow": "^(a|aa|a?)+$",
    }
    metrics = [{"Name": name, "Regex": pattern} for name, pattern in patterns.items()]
    job = client.train(f"print({printed_text!r})", AlgorithmSpecification=ALGORITHM | {"MetricDefinitions": metrics})
    assert job["TrainingJobStatus"] == "Completed", job
    values = {metric["MetricName"]: metric["Value"] for metric in job["FinalMetricDataList"]}
    assert values == {"loss": 0.5, "score": pytest.approx(1e-3)}
    assert "the metric slow is no longer collected" in client.log(job)


def test_a_reader_reads_the_available_output_if_the_writer_survives(client):
    """Without a sandbox, a process can escape its supervisor and keep the pipe open; the job ends nevertheless."""
    read_end, write_end = os.pipe()
    os.write(write_end, b"loss=1;\nloss=2;")
    metrics = TrainingMetrics(client.simulator.client("cloudwatch"), "escaped", "escaped", {"loss": "loss=(.*?);"})
    log = log_stream.JobLog(client.logs, "/aws/sagemaker/TrainingJobs", "escaped", metrics).create()
    with open(read_end, "rb") as pipe:
        log.read(pipe, lambda: 0)
    os.close(write_end)
    assert list(log.tail) == ["loss=1;", "loss=2;"]
    assert [metric["Value"] for metric in metrics.final_values()] == [2]


def test_the_limit_of_an_endless_log_applies_to_each_period(client, monkeypatch):
    clock = SimpleNamespace(time=time.time, monotonic=lambda: 0.0)
    monkeypatch.setattr(log_stream, "MAX_OUTPUT_BYTES", 1000)
    monkeypatch.setattr(log_stream, "time", clock)
    log = log_stream.JobLog(client.logs, "/endless", "one", period=0.5).create()
    parts = [b"early %d\n" % index for index in range(20)]

    def parts_until_the_next_period(*_):
        yield from parts
        clock.monotonic = lambda: 0.6
        yield b"late\n"

    monkeypatch.setattr(log_stream, "read_parts", parts_until_the_next_period)
    log.read(None)
    events = client.logs.get_log_events(logGroupName="/endless", logStreamName="one")["events"]
    messages = [event["message"] for event in events]
    lines = [part.decode().strip() for part in parts]
    note = "[0.0 MiB of output omitted here; the first and last 0.000476837 MiB are kept]"
    assert messages == [*lines[:4], note, *lines[-2:], "late"]
