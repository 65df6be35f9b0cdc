"""Let jobs without network access reach the simulator: a port inside each job is connected to a Unix socket."""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FOLDER = "/run/simulator"  # the socket's folder inside a job
NAME = "http"
PORT = 4566  # the simulator's port on a job's own loopback interface


@dataclass(frozen=True)
class Network:
    """The settings that let jobs call the simulator.

    folder: the folder of the simulator's socket. endpoint: the simulator's address outside jobs. variables: the
    variables that boto3 needs in a job, except for the address.
    """

    folder: Path
    endpoint: str
    variables: Mapping[str, str]

    def environment(self, has_own_loopback: bool) -> dict[str, str]:
        """Return a job's variables. has_own_loopback: whether the job has its own loopback interface and a bridge."""
        return {**self.variables, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{PORT}" if has_own_loopback else self.endpoint}


def listen(folder: Path) -> socket.socket:
    """Create a folder and, in it, a listening socket to which any user's jobs can connect."""
    folder.mkdir(0o755)
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(str(folder / NAME))
        os.chmod(folder / NAME, 0o777)  # noqa: S103 - other users cannot enter the folder above
        listener.listen(1024)
    except BaseException:
        listener.close()
        raise
    return listener


def wrap_in_bridge(bridge: list[str], command: list[str]) -> list[str]:
    return [*bridge, str(PORT), f"{FOLDER}/{NAME}", *command]
