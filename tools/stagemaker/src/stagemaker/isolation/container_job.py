"""The supervisor's interface to a job that runs in a container."""

import contextlib
import os
import threading
from typing import Any

import docker
from docker.errors import APIError, NotFound
from docker.types import LogConfig

from stagemaker.machine import count_cores
from stagemaker.program_variables import program_variables


class ContainerJob:
    """A running container, with limits enforced by Docker. Its output is copied to stdout. `close` removes it."""

    def __init__(self, specification: dict[str, Any]):
        self._engine = docker.from_env(environment=program_variables())
        limits: dict[str, Any] = {"pids_limit": specification["processes"]}
        if memory := specification["memory"]:
            limits |= {"mem_limit": memory, "memswap_limit": memory}
        if specification["cpus"]:
            limits["nano_cpus"] = int(1e9 * min(specification["cpus"], count_cores()))
        log_config = LogConfig(type=LogConfig.types.NONE)  # the output is copied, so Docker need not store it
        self._container = self._engine.containers.create(**specification["container"], **limits, log_config=log_config)
        self._status: int | None = None
        self._peak, self._cpu_seconds = 0, 0.0
        self.end_descriptors: list[int] = []
        try:
            output = self._container.attach(stream=True, logs=False)
            self._container.start()
        except BaseException:
            self.close()
            raise
        self._copy_thread = threading.Thread(target=self._copy, args=(output,), daemon=True)
        self._copy_thread.start()
        for target in (self._wait, self._measure):
            threading.Thread(target=target, daemon=True).start()

    def has_ended(self) -> bool:
        return self._status is not None

    def usage(self, limit: int | None) -> tuple[int, list[int]]:
        """Return the peak memory, measured every second, and no PIDs, because Docker limits the number of processes."""
        return self._peak, []

    def terminate(self) -> bool:
        """Send SIGTERM, as SageMaker does."""
        with contextlib.suppress(APIError):
            self._container.kill(signal="SIGTERM")
        return True

    def kill(self) -> None:
        with contextlib.suppress(APIError):  # the container may have just ended
            self._container.kill()

    def outcome(self) -> dict[str, Any]:
        self._copy_thread.join(10)
        self._container.reload()
        kill_reason = {"reason": "memory"} if self._container.attrs["State"]["OOMKilled"] else {}
        return {"code": self._status, "signal": None} | {"cpu_seconds": self._cpu_seconds} | kill_reason

    def close(self) -> None:
        with contextlib.suppress(NotFound, APIError):
            self._container.remove(force=True, v=True)

    def _wait(self) -> None:
        try:
            self._status = int(self._container.wait()["StatusCode"])
        except Exception as error:  # the engine stopped, or the container was removed
            os.write(2, f"the container can no longer be monitored: {error}\n".encode())
            self._status = 125

    def _copy(self, output: Any) -> None:
        for chunk in output:
            while chunk:
                chunk = chunk[os.write(1, chunk) :]

    def _measure(self) -> None:
        with contextlib.suppress(Exception):  # the stream ends with the container
            for stats in self._container.stats(stream=True, decode=True):
                memory = stats.get("memory_stats", {})
                usage = memory.get("usage", 0) - memory.get("stats", {}).get("inactive_file", 0)
                self._peak = max(self._peak, usage)
                cpu_nanoseconds = stats.get("cpu_stats", {}).get("cpu_usage", {}).get("total_usage", 0)
                self._cpu_seconds = max(self._cpu_seconds, cpu_nanoseconds / 1e9)
