"""Sends the same request again and again from several clients, each over one connection that it keeps.

    python benchmarks/http_load.py http://127.0.0.1:8080/invocations --body FILE --clients 32 --seconds 5

Prints JSON: requests a second, and the median and 99th percentile of their times in milliseconds. A response that is
not a 200 ends it with an error.
"""

import argparse
import http.client
import json
import statistics
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

HEADERS = {"Content-Type": "text/csv", "Accept": "text/csv"}
WARM_UP = 0.5  # seconds that do not count


class Client(threading.Thread):
    """A client. times: of its requests, in seconds, from `start` on. error: what ended it, empty where nothing did."""

    def __init__(self, url: str, body: bytes, start: float, end: float):
        super().__init__()
        self._url, self._body, self._start, self._end = urlsplit(url), body, start, end
        self.times: list[float] = []
        self.error = ""

    def run(self) -> None:
        connection = http.client.HTTPConnection(self._url.hostname or "", self._url.port, timeout=120)
        while (begun := time.perf_counter()) < self._end:
            connection.request("POST", self._url.path, self._body, HEADERS)
            response = connection.getresponse()
            text = response.read()
            if response.status != 200:
                self.error = f"status {response.status}: {text[:500]!r}"
                return
            if begun >= self._start:
                self.times.append(time.perf_counter() - begun)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--body", type=Path, required=True)
    parser.add_argument("--clients", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=5.0)
    arguments = parser.parse_args()
    start = time.perf_counter() + WARM_UP
    body = arguments.body.read_bytes()
    clients = [Client(arguments.url, body, start, start + arguments.seconds) for _ in range(arguments.clients)]
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
    values = {"rate": len(times) / arguments.seconds, "p50": 1e3 * statistics.median(times), "p99": 1e3 * percentile}
    print(json.dumps(values))


if __name__ == "__main__":
    main()
