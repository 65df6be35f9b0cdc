"""The web page for an endpoint, served by `recore web` in a separate process, and files to send to it."""

import csv
import gzip
import io
import json
import signal
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from support.checkout import environment

from recore_support.command import recore, usage_error
from recore_support.opus_files import block, opus_bytes
from recore_support.production import ProductionCommands
from recore_support.schema import TARGETS

# Starts the command, and reports unpickled objects on stderr.
PROGRAM = """
import sys

def watch(event, arguments):
    if event == "pickle.find_class":
        print("unpickled", *arguments, file=sys.stderr, flush=True)

sys.addaudithook(watch)
from recore.__main__ import start
start()
"""
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20


class WebPage:
    """A running `recore web`. address: the page's URL, with a final slash. variables: its environment variables."""

    def __init__(self, commands: ProductionCommands, *arguments: object, **variables: str) -> None:
        self.commands, self.variables = commands, commands.client.simulator.variables() | variables
        self._stderr = commands.folder / "web.log"
        command = [sys.executable, "-c", PROGRAM, "web", *map(str, arguments), "--port", "0", "--json"]
        variables = environment() | self.variables
        with open(self._stderr, "wb") as log:
            self.process = subprocess.Popen(
                command, cwd=commands.folder, env=variables, stdout=subprocess.PIPE, stderr=log, text=True
            )
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line, self.log()
        message = json.loads(line)
        self.address: str = message["address"]
        self.addresses: list[str] = message["addresses"]
        self.endpoint: str = message["endpoint"]

    def log(self) -> str:
        return self._stderr.read_text()

    def stop(self) -> int:
        """Stop `recore web` as Ctrl-C does, and return its exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(60)

    def request(self, path: str, body: bytes | None = None, **headers: str) -> tuple[int, Any, bytes]:
        """Send a request; return the status, headers and body of the response."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.address + path, body, names)
        try:
            with urllib.request.urlopen(request, timeout=120) as response:
                return response.status, response.headers, response.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read()

    def send(self, name: str, content: bytes) -> dict[str, Any]:
        """Send a valid file, and return the JSON response."""
        status, _, body = self.request(f"api/assays?{urllib.parse.urlencode({'name': name})}", content)
        assert status == 200, body
        return json.loads(body)

    def expect_error(self, name: str, content: bytes, status: int = 422) -> str:
        """Send a file that must be rejected with only a one-line message, and return the message."""
        code, _, body = self.request(f"api/assays?{urllib.parse.urlencode({'name': name})}", content)
        response = json.loads(body)
        assert code == status, response
        assert list(response) == ["error"]
        assert "\n" not in response["error"]
        assert "Traceback" not in response["error"]
        return response["error"]

    def post_line(self, line: str) -> tuple[int, str]:
        """Submit a line in the HTML form; return the response's status and HTML."""
        status, headers, body = self.request("line", urllib.parse.urlencode({"line": line}).encode())
        assert headers.get_content_type() == "text/html"
        return status, body.decode()


def run_web(commands: ProductionCommands, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run `recore web` in a project's folder, with arguments that make it exit."""
    return recore("web", *arguments, cwd=commands.folder, **commands.client.simulator.variables())


def expect_web_error(commands: ProductionCommands, *arguments: object) -> str:
    """Run `recore web`, which must fail with one error line, and return that line."""
    return usage_error(run_web(commands, *arguments))


def read_rows(file: Path) -> list[list[str]]:
    """Return the header and the rows of a data file."""
    with gzip.open(file, "rt", newline="") as lines:
        return list(csv.reader(lines))


def csv_bytes(rows: Sequence[Sequence[str]]) -> bytes:
    table = io.StringIO()
    csv.writer(table).writerows(rows)
    return table.getvalue().encode()


def read_spectrum(rows: list[list[str]], index: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the wavenumbers and absorbances in a row of a data file."""
    columns = [column for column, name in enumerate(rows[0]) if name[:1].isdigit()]
    return np.array([float(rows[0][c]) for c in columns]), np.array([float(rows[index][c]) for c in columns])


def opus_file(rows: list[list[str]], index: int) -> bytes:
    """Return an OPUS file with the spectrum in a row of a data file. The channels must be equally spaced."""
    wavenumbers, absorbances = read_spectrum(rows, index)
    return opus_bytes(block("absorbance", absorbances, wavenumbers[0], wavenumbers[-1]))


def read_assays(file: Path) -> list[dict[str, float]]:
    """Return the assays in each row that `recore production predict` wrote, by target name."""
    with open(file, newline="") as lines:
        return [{name: float(row[name]) for name in TARGETS} for row in csv.DictReader(lines)]
