"""Send the same request repeatedly from several clients, each over one persistent connection.

    python tools/stagemaker/benchmarks/http_load.py http://127.0.0.1:8080/invocations --body FILE --clients 32

Prints JSON: the requests per second, and the median and 99th percentile of response times in milliseconds. Any status
other than 200 ends the program with an error.
"""

import argparse
import http.client
import json
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

HEADERS = {"Content-Type": "text/csv", "Accept": "text/csv"}
WARM_UP_SECONDS = 0.5  # seconds at the beginning that are not counted


def time_requests(url: str, body: bytes, start: float, end: float) -> list[float]:
    """Send requests until `end`, and return the durations in seconds of the requests sent after `start`."""
    address, times = urlsplit(url), []
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=120)
    while (sent := time.perf_counter()) < end:
        connection.request("POST", address.path, body, HEADERS)
        response = connection.getresponse()
        content = response.read()
        if response.status != 200:
            raise SystemExit(f"status {response.status}: {content[:500]!r}")
        if sent >= start:
            times.append(time.perf_counter() - sent)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--body", type=Path, required=True)
    parser.add_argument("--clients", type=int, default=1)
    parser.add_argument("--duration", type=float, default=5.0, help="seconds")
    arguments = parser.parse_args()
    start, body = time.perf_counter() + WARM_UP_SECONDS, arguments.body.read_bytes()
    with ThreadPoolExecutor(arguments.clients) as pool:
        work = (arguments.url, body, start, start + arguments.duration)
        futures = [pool.submit(time_requests, *work) for _ in range(arguments.clients)]
    times = sorted(each for future in futures for each in future.result())
    if not times:
        raise SystemExit("no response arrived in time")
    p50, p99 = 1e3 * statistics.median(times), 1e3 * times[min(len(times) * 99 // 100, len(times) - 1)]
    print(json.dumps({"rate": len(times) / arguments.duration, "p50": p50, "p99": p99}))


if __name__ == "__main__":
    main()
