"""A simulator in a separate process, so that a crash is noticed."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
from botocore.config import Config

from stagemaker_support.checkout import ROOT, environment

PROGRAM = """
import json, sys
from pathlib import Path
from stagemaker.server import Simulator
state = Path(sys.argv[1]) if len(sys.argv) > 1 else None
with Simulator(isolation="off", state=state, allow_reset=True) as simulator:
    print(json.dumps(simulator.variables()), flush=True)
    sys.stdin.read()
"""


class SimulatorProcess:
    def __init__(self, process: subprocess.Popen[str], port: int):
        self.process, self.port = process, port

    def client(self, service: str, **settings):
        return boto3.client(
            service,
            endpoint_url=f"http://127.0.0.1:{self.port}",
            region_name="us-east-1",
            aws_access_key_id="x",
            aws_secret_access_key="x",
            config=Config(retries={"total_max_attempts": 1}, proxies={}, **settings),
        )


@contextmanager
def simulator_process(state: Path | None = None, **variables: str) -> Iterator[SimulatorProcess]:
    """Run a simulator until its stdin is closed; raise AssertionError if it ends earlier or with an error."""
    command = [sys.executable, "-X", "faulthandler", "-c", PROGRAM, *([str(state)] if state else [])]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment() | variables,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            line = process.stdout.readline()
            assert line, f"the simulator did not start: it ended with exit status {process.wait()}"
            yield SimulatorProcess(process, int(json.loads(line)["AWS_ENDPOINT_URL"].rpartition(":")[2]))
            assert process.poll() is None, f"the simulator ended early, with exit status {process.returncode}"
            process.stdin.close()
            assert process.wait(timeout=60) == 0
        finally:
            process.kill()
