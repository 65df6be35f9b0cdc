"""Sends the same request again and again from several clients, each over one connection that it keeps.

    python tools/stagemaker/benchmarks/http_load.py http://127.0.0.1:8080/invocations --body FILE --clients 32

A client sends when it has the answer to the request before; with --rate all clients together send so many requests a
second, and the time of a request counts from when it was to be sent, also if no client was free then.

Prints JSON: requests a second, the median and 99th percentile of their times in milliseconds, and the number of all
that were answered, also before the measurement. A response that is not a 200 ends it with an error.
"""

import argparse
import http.client
import json
import statistics
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

HEADERS = {"Content-Type": "text/csv"}
WARM_UP = 0.5  # seconds that are not counted


class Client(threading.Thread):
    """A client. times: of its requests, in seconds, from `start` on. error: what ended it, or an empty text."""

    def __init__(
        self, url: str, body: bytes, accept: str, start: float, end: float, pause: float = 0.0, offset: float = 0.0
    ):
        """pause: seconds from one request to the next, if they are sent at a fixed rate; offset: until the first."""
        super().__init__()
        self._url, self._body, self._start, self._end = urlsplit(url), body, start, end
        self._target = f"{self._url.path}?{self._url.query}" if self._url.query else self._url.path
        self._headers = HEADERS | {"Accept": accept}
        self._pause, self._next = pause, time.perf_counter() + offset
        self.times: list[float] = []
        self.answered = 0
        self.error = ""

    def run(self) -> None:
        connection = http.client.HTTPConnection(self._url.hostname or "", self._url.port, timeout=120)
        while (begun := self._begin()) < self._end:
            connection.request("POST", self._target, self._body, self._headers)
            response = connection.getresponse()
            text = response.read()
            if response.status != 200:
                self.error = f"status {response.status}: {text[:500]!r}"
                return
            self.answered += 1
            if begun >= self._start:
                self.times.append(time.perf_counter() - begun)

    def _begin(self) -> float:
        """Wait until the next request should begin, and return that time, which may be in the past."""
        if not self._pause:
            return time.perf_counter()
        begun = self._next
        self._next += self._pause
        time.sleep(max(0.0, begun - time.perf_counter()))
        return begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--body", type=Path, required=True)
    parser.add_argument("--accept", default="text/csv")
    parser.add_argument("--clients", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rate", type=float, help="requests a second of all clients together")
    arguments = parser.parse_args()
    start = time.perf_counter() + WARM_UP
    end = start + arguments.seconds
    body = arguments.body.read_bytes()
    pause = arguments.clients / arguments.rate if arguments.rate else 0.0
    clients = [
        Client(arguments.url, body, arguments.accept, start, end, pause, pause * number / arguments.clients)
        for number in range(arguments.clients)
    ]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    if errors := [client.error for client in clients if client.error]:
        raise SystemExit(errors[0])
    times = sorted(each for client in clients for each in client.times)
    if not times:
        raise SystemExit("no request was answered in time")
    percentile = times[min(len(times) * 99 // 100, len(times) - 1)]
    values = {
        "rate": len(times) / arguments.seconds,
        "p50": 1e3 * statistics.median(times),
        "p99": 1e3 * percentile,
        "answered": sum(client.answered for client in clients),
    }
    print(json.dumps(values))


if __name__ == "__main__":
    main()
