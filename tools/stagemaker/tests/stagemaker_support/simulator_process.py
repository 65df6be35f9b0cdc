"""A simulator in a separate process, so that a crash is noticed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from botocore.config import Config

from stagemaker_support import state as state_processes


class SimulatorProcess(state_processes.SimulatorProcess):
    errors = None  # a crash prints its traceback

    def client(self, service: str, **settings: Any) -> Any:
        """Return a client that does not retry. settings: more of its settings."""
        return super().client(service, config=Config(retries={"total_max_attempts": 1}, proxies={}, **settings))


@contextmanager
def simulator_process(state: Path | None = None, **variables: str) -> Iterator[SimulatorProcess]:
    """Run a simulator that can be reset; raise AssertionError if it ends early or with an error."""
    options = ("--state", state) if state else ()
    simulator = SimulatorProcess("--allow-reset", *options, PYTHONFAULTHANDLER="1", **variables)
    try:
        yield simulator
        status = simulator.process.poll()
        assert status is None, f"the simulator ended early, with exit status {status}"
        assert simulator.end() == 0
    finally:
        simulator.kill()
