"""Traces of jobs on this machine (processes and folders), and their logs."""

import time
import uuid
from collections.abc import Callable

import psutil


class Mark:
    """A variable for a job's environment, by which its processes are found wherever they have gone."""

    def __init__(self) -> None:
        self.environment = {"MARK": uuid.uuid4().hex}

    def processes(self) -> list[psutil.Process]:
        result = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("MARK") == self.environment["MARK"]:
                    result.append(process)
            except psutil.Error:
                continue
        return result


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never became so"
        time.sleep(0.05)


def assert_no_trace(client, mark: Mark) -> None:
    """Nothing of a job is left: no process that bears its mark, no folder; and the simulator runs a next one."""
    folder = client.simulator.folder
    wait_until(lambda: not mark.processes())
    wait_until(lambda: not list(folder.glob("job-*")))
    assert client.process("print('well')")["ProcessingJobStatus"] == "Completed"


def output(client, kind: str, name: str) -> str:
    """All that one job printed so far, from its own log stream; nothing where it has none yet."""
    group = f"/aws/sagemaker/{kind}s"
    lines, token = [], {}
    try:
        streams = client.logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{name}/")["logStreams"]
    except client.logs.exceptions.ResourceNotFoundException:
        return ""
    while streams:
        page = client.logs.get_log_events(
            logGroupName=group, logStreamName=streams[0]["logStreamName"], startFromHead=True, **token
        )
        if not page["events"]:
            break
        lines += [event["message"] for event in page["events"]]
        token = {"nextToken": page["nextForwardToken"]}
    return "\n".join(lines)
