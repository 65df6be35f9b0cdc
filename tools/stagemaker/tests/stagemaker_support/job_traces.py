"""Jobs' traces on the host (processes and folders), and their logs."""

import time
import uuid
from collections.abc import Callable
from typing import TypeVar

import psutil

T = TypeVar("T")


class Mark:
    """An environment variable by which all of a job's processes can be found."""

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


def poll(read: Callable[[], T], accepts: Callable[[T], bool], seconds: float = 60) -> T:
    """Call `read` until `accepts` returns True for the result, and return that result."""
    deadline = time.monotonic() + seconds
    while not accepts(value := read()):
        assert time.monotonic() < deadline, value
        time.sleep(0.05)
    return value


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    poll(condition, bool, seconds)


def assert_no_trace(client, mark: Mark) -> None:
    wait_until(lambda: not mark.processes())
    wait_until(lambda: not list(client.simulator.folder.glob("job-*")))


def output(client, kind: str, name: str) -> str:
    group = f"/aws/sagemaker/{kind}s"
    lines = []
    try:
        streams = client.logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{name}/")["logStreams"]
    except client.logs.exceptions.ResourceNotFoundException:
        return ""
    for stream in streams:
        token: dict[str, str] = {}
        while True:
            page = client.logs.get_log_events(
                logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True, **token
            )
            if not page["events"]:
                break
            lines += [event["message"] for event in page["events"]]
            token = {"nextToken": page["nextForwardToken"]}
    return "\n".join(lines)
