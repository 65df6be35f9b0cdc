"""How jobs that have no other network reach the simulator: by a Unix socket, and a port of their own in front of it."""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FOLDER = "/run/simulator"  # of the socket, in a job
NAME = "http"
PORT = 4566  # of a job's own loopback interface


@dataclass(frozen=True)
class Network:
    """What jobs need to call the simulator. folder: with its socket. endpoint: its address outside of jobs.

    variables: a job's environment for boto3, but for the address.
    """

    folder: Path
    endpoint: str
    variables: Mapping[str, str]

    def environment(self, separate: bool) -> dict[str, str]:
        """A job's environment. separate: whether it has a loopback interface of its own, and needs the bridge."""
        return {**self.variables, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{PORT}" if separate else self.endpoint}


def listen(folder: Path) -> socket.socket:
    """Make the folder, and a socket in it that jobs of any user can connect to."""
    folder.mkdir(0o755)
    listening = socket.socket(socket.AF_UNIX)
    try:
        listening.bind(str(folder / NAME))
        os.chmod(folder / NAME, 0o777)  # noqa: S103 - other users cannot enter the folder above
        listening.listen(1024)
    except BaseException:
        listening.close()
        raise
    return listening


def bridged(bridge: list[str], command: list[str]) -> list[str]:
    """A command of a job behind the bridge. bridge: the program, as the job starts it."""
    return [*bridge, str(PORT), f"{FOLDER}/{NAME}", *command]
