"""A simulator in a separate process, which can be killed and whose crashes are detected."""

import json
import subprocess
import sys
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from stagemaker_support.checkout import ROOT, full_disk_environment


class SimulatorProcess:
    """`stagemaker start` in a separate process, because simulators in one process would share S3."""

    def __init__(self, *options: object, **variables: str):
        command = [sys.executable, "-X", "faulthandler", "-m", "stagemaker", "start", "--isolation", "off", "--json"]
        self.process = subprocess.Popen(
            [*command, *map(str, options)],
            cwd=ROOT,
            env=full_disk_environment() | variables,  # some tests limit how much the process may write
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line, f"the simulator did not start: it exited with status {self.process.wait()}"
        self.endpoint = json.loads(line)["AWS_ENDPOINT_URL"]
        self.port = urllib.parse.urlsplit(self.endpoint).port

    def client(self, service: str, read_timeout: float = 60, **arguments: Any) -> Any:
        """Return a boto3 client for the simulator, by default one that does not retry."""
        keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x"}
        config = Config(retries={"total_max_attempts": 1}, proxies={}, read_timeout=read_timeout)
        defaults = {"region_name": "us-east-1", "config": config}
        return boto3.client(service, endpoint_url=self.endpoint, **keys | defaults | arguments)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def end(self) -> int:
        self.process.terminate()
        return self.process.wait(timeout=120)


@contextmanager
def running(*options: object, **variables: str) -> Iterator[SimulatorProcess]:
    """Run a simulator, and kill it at the end."""
    simulator = SimulatorProcess(*options, **variables)
    try:
        yield simulator
    finally:
        simulator.kill()


@contextmanager
def simulator_process(state: Path | None = None, **variables: str) -> Iterator[SimulatorProcess]:
    """Run a simulator that allows resets. Raises AssertionError if it exits early or with an error."""
    with running("--allow-reset", *(["--state", state] if state else []), **variables) as simulator:
        yield simulator
        assert simulator.process.poll() is None, f"it ended early, with exit status {simulator.process.returncode}"
        assert simulator.end() == 0
