"""Asks a Docker engine for its version, without Docker's Python package, which may be missing."""

import http.client
import json
import socket
from collections.abc import Mapping
from urllib.parse import urlsplit

DEFAULT = "unix:///var/run/docker.sock"
TIMEOUT = 5  # seconds


class EngineConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=TIMEOUT)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def read_version(environ: Mapping[str, str]) -> str:
    """The version of the engine at DOCKER_HOST, by default the local one. Raises OSError if none answers."""
    address = environ.get("DOCKER_HOST") or DEFAULT
    url = urlsplit(address)
    connection: http.client.HTTPConnection
    try:
        if url.scheme == "unix":
            connection = EngineConnection(url.path)
        elif url.scheme in ("tcp", "http") and url.hostname and not environ.get("DOCKER_TLS_VERIFY"):
            connection = http.client.HTTPConnection(url.hostname, url.port or 2375, timeout=TIMEOUT)
        else:
            raise OSError(f"{address} cannot be checked: only Unix sockets and TCP without TLS are supported")
        connection.request("GET", "/version")
        response = connection.getresponse()
        content = json.loads(response.read())
        connection.close()
        return str(content["Version"])
    except PermissionError:
        raise PermissionError(f"{address}: permission denied") from None
    except OSError as error:
        raise OSError(f"{address}: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError, http.client.HTTPException):
        raise OSError(f"{address}: does not respond like Docker") from None
