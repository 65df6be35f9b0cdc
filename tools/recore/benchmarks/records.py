"""A model's server that records its invocations on S3, against the same server without records.

    python tools/recore/benchmarks/records.py --seconds 10 --repeats 3

The server is `python -m recore.model serve` of a class that computes for --milliseconds and answers with 49 numbers. S3
is object_store.py in a process of its own, and requests come from 8 clients in another one. Both servers take turns.
Measured are the maximum rate; the times of requests at half the maximum rate of the server with records, which are sent
whether or not earlier ones were answered; how long after a full load the last records are on S3, and the memory
meanwhile; and the records that are missing after the server was stopped, or killed, under a full load.
"""

import argparse
import contextlib
import http.client
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil

HERE = Path(__file__).parent
HTTP_LOAD = HERE.parents[1] / "stagemaker/benchmarks/http_load.py"
BUCKET = "bench"

MODEL = """
import os
import time

from recore.model import Model, ModelPredictor

SECONDS = float(os.environ["MODEL_SECONDS"])

class Numbers(ModelPredictor):
    def setup(self):
        self.numbers = {f"target_{n}": n / 7 for n in range(49)}

    def result(self, data):
        end = time.perf_counter() + SECONDS
        while time.perf_counter() < end:
            pass
        return {name: data["x"] * number for name, number in self.numbers.items()}

class NumbersModel(Model):
    PREDICTOR = Numbers
"""
BODY = json.dumps({"x": 2.5}).encode()
CLIENTS = 8
LISTENING = re.compile(r"Listening on port (\d+)")
DROPPED = re.compile(r"records: (\d+) were dropped in total")
PATIENCE = 120.0  # seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each measurement")
    parser.add_argument("--milliseconds", type=float, default=5.0, help="that the model computes for a datum")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        place = Place(Path(name), arguments.milliseconds / 1000)
        with object_store() as store:
            place.store = store
            speeds = measure_speed(place, arguments.seconds, arguments.repeats)
            loads = [measure_full_load(place, arguments.seconds) for _ in range(arguments.repeats)]
            ends = [measure_end(place, number) for number in (signal.SIGTERM, signal.SIGKILL)]
    print_tables(speeds, loads, ends)


class Place:
    """A folder with the model's module, a request, and SageMaker's folder. store: the address of S3."""

    store = ""

    def __init__(self, folder: Path, model_seconds: float):
        self.model_seconds = model_seconds
        self.folder, self.body, self.ml = folder, folder / "body.json", folder / "ml"
        (folder / "numbers_model.py").write_text(MODEL)
        self.body.write_bytes(BODY)
        (self.ml / "model").mkdir(parents=True)
        (self.ml / "output").mkdir()


class Server:
    """A model's server that is running. version: of the model, and the name of the folder of its records."""

    def __init__(self, place: Place, process: "subprocess.Popen[bytes]", log: Path, version: str):
        self.process, self.version, self._place, self._log = process, version, place, log
        self.port = 0

    def wait_until_listening(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while not (found := LISTENING.search(self._log.read_text())):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(self._log.read_text())
            time.sleep(0.05)
        self.port = int(found[1])

    def load(self, seconds: float, rate: float | None = None) -> dict[str, float]:
        """Send requests, at full load or at a fixed rate, and return the measurements of http_load.py."""
        command = [sys.executable, str(HTTP_LOAD), f"http://127.0.0.1:{self.port}/invocations"]
        command += ["--body", str(self._place.body), "--clients", str(CLIENTS), "--seconds", str(seconds)]
        command += ["--rate", str(rate)] if rate else []
        measured: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        return measured

    def memory(self) -> tuple[int, int]:
        """Return the bytes of memory of the server and of the process that writes its records."""
        process = psutil.Process(self.process.pid)
        return process.memory_info().rss, sum(child.memory_info().rss for child in process.children())

    def dropped(self) -> int:
        """Return the number of records that did not fit into the spool; known once the server has ended."""
        found = DROPPED.search(self._log.read_text())
        return int(found[1]) if found else 0

    def recorded(self) -> int:
        """Return the number of records on S3."""
        with urllib.request.urlopen(f"{self._place.store}/{BUCKET}/predictions/{self.version}/") as answer:
            return int(answer.read())


@contextlib.contextmanager
def served(place: Place, records: bool, version: str) -> Iterator[Server]:
    """Run the model's server until the block ends."""
    variables = {
        "PYTHONPATH": str(place.folder),
        "ML2P_MODEL_CLS": "numbers_model.NumbersModel",
        "ML2P_MODEL_VERSION": version,
        "ML2P_S3_URL": f"s3://{BUCKET}",
        "MODEL_SECONDS": str(place.model_seconds),
        "AWS_ENDPOINT_URL": place.store,
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_DEFAULT_REGION": "us-east-1",
        "ML2P_RECORD_INVOKES": "true" if records else "false",
        "SAGEMAKER_BIND_TO_PORT": "0",
    }
    log = place.folder / f"{version}.log"
    command = [sys.executable, "-m", "recore.model", "--ml-folder", str(place.ml), "serve"]
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=os.environ | variables, stdout=output, stderr=output)
    server = Server(place, process, log, version)
    try:
        server.wait_until_listening()
        yield server
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def object_store() -> Iterator[str]:
    """Run S3 in another process and yield its address."""
    command = [sys.executable, str(HERE / "object_store.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline() if process.stdout else 0)}"
        finally:
            process.terminate()


def measure_speed(place: Place, seconds: float, repeats: int) -> dict[bool, list[dict[str, float]]]:
    """Measure the maximum rate of both servers, and their times at half the rate of the server with records."""
    speeds: dict[bool, list[dict[str, float]]] = {False: [], True: []}
    for number in range(repeats):
        say(f"speed, {number + 1} of {repeats}")
        fastest = {}
        for records in (False, True):
            with served(place, records, f"speed-{records}-{number}".lower()) as server:
                fastest[records] = server.load(seconds)["rate"]
        for records in (False, True):
            with served(place, records, f"half-{records}-{number}".lower()) as server:
                server.load(1.0, fastest[True] / 2)  # the first requests import what it needs
                speeds[records].append({"maximum": fastest[records], **server.load(seconds, fastest[True] / 2)})
    return speeds


def measure_full_load(place: Place, seconds: float) -> dict[str, float]:
    """Measure how long after a full load the last records are on S3, and the memory until then."""
    say("full load")
    with served(place, True, f"full-{time.monotonic_ns()}") as server:
        at_rest = server.memory()
        most, ended = list(at_rest), threading.Event()

        def watch() -> None:
            while not ended.wait(0.05):
                most[:] = map(max, most, server.memory())

        watching = threading.Thread(target=watch)
        watching.start()
        answered = int(server.load(seconds)["answered"])
        begun = time.monotonic()
        while server.recorded() < answered and time.monotonic() < begun + PATIENCE:
            time.sleep(0.2)
        backlog = time.monotonic() - begun
        ended.set()
        watching.join()
        recorded = server.recorded()
    return {
        "answered": answered,
        "recorded": recorded,
        "dropped": server.dropped(),
        "backlog": backlog,
        "server": most[0] - at_rest[0],
        "uploader": most[1] - at_rest[1],
    }


def measure_end(place: Place, number: signal.Signals) -> tuple[str, int, int]:
    """Return the name of a signal, the invocations answered before it under a full load, and those recorded."""
    say(f"full load until {number.name}")
    with served(place, True, f"end-{number.name.lower()}") as server:
        clients = [UntilTheEnd(server.port) for _ in range(CLIENTS)]
        for client in clients:
            client.start()
        time.sleep(3)
        server.process.send_signal(number)
        server.process.wait()
        for client in clients:
            client.join()
        answered = sum(client.answered for client in clients)
        deadline = time.monotonic() + 20  # the process that writes the records has 14 seconds after the server
        while server.recorded() < answered and time.monotonic() < deadline:
            time.sleep(0.2)
        return number.name, answered, server.recorded()


class UntilTheEnd(threading.Thread):
    """A client that sends until the server stops answering. answered: the number of its requests that were answered."""

    def __init__(self, port: int):
        super().__init__()
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.answered = 0

    def run(self) -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            while True:
                self._connection.request("POST", "/invocations", BODY)
                response = self._connection.getresponse()
                response.read()
                self.answered += response.status == 200


def print_tables(
    speeds: dict[bool, list[dict[str, float]]], loads: list[dict[str, float]], ends: list[tuple[str, int, int]]
) -> None:
    off, on = ({name: statistics.median(one[name] for one in speeds[key]) for name in speeds[key][0]} for key in speeds)
    ratio = statistics.median(a["p99"] / b["p99"] for a, b in zip(speeds[True], speeds[False], strict=True))
    print("| records | maximum, requests/s | at a rate of | p50, ms | p99, ms | p99 / without |")
    print("|---|---|---|---|---|---|")
    for name, found, compared in (("off", off, 1.0), ("on", on, ratio)):
        cells = [f"{found['maximum']:.0f}", f"{found['rate']:.0f}", f"{found['p50']:.2f}", f"{found['p99']:.2f}"]
        print(f"| {' | '.join([name, *cells, f'{compared:.2f}'])} |")
    print("\n| full load: answered | on S3 | dropped | backlog, s | server, more MiB | writer of records, more MiB |")
    print("|---|---|---|---|---|---|")
    for load in loads:
        sizes = [f"{load[name] / 2**20:.0f}" for name in ("server", "uploader")]
        counts = [f"{load[name]:.0f}" for name in ("answered", "recorded", "dropped")]
        print(f"| {' | '.join([*counts, f'{load["backlog"]:.1f}', *sizes])} |")
    print("\n| under a full load | answered | on S3 | missing |\n|---|---|---|---|")
    for name, answered, recorded in ends:
        print(f"| {name} | {answered} | {recorded} | {max(0, answered - recorded)} |")


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
