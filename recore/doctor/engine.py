"""Asks a Docker engine for its version without Docker's Python package, which may be missing."""

import http.client
import json
import socket
from collections.abc import Mapping
from urllib.parse import urlsplit

DEFAULT = "unix:///var/run/docker.sock"
PATIENCE = 5  # seconds


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=PATIENCE)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def version(environ: Mapping[str, str]) -> str:
    """The version of the engine that DOCKER_HOST names, or of this machine's. Raises OSError where none answers."""
    address = environ.get("DOCKER_HOST") or DEFAULT
    place = urlsplit(address)
    connection: http.client.HTTPConnection
    try:
        if place.scheme == "unix":
            connection = UnixConnection(place.path)
        elif place.scheme in ("tcp", "http") and place.hostname and not environ.get("DOCKER_TLS_VERIFY"):
            connection = http.client.HTTPConnection(place.hostname, place.port or 2375, timeout=PATIENCE)
        else:
            raise OSError(f"{address} is not tried here, only a Unix socket and TCP without TLS")
        connection.request("GET", "/version")
        answer = connection.getresponse()
        said = json.loads(answer.read())
        connection.close()
        return str(said["Version"])
    except PermissionError:
        raise PermissionError(f"{address}: permission denied") from None
    except OSError as error:
        raise OSError(f"{address}: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError, http.client.HTTPException):
        raise OSError(f"{address}: does not answer as Docker does") from None
