"""The cost of --state: the same objects put with and without it, and the start with all of them.

    python tools/stagemaker/benchmarks/state_writes.py --puts 10000 --bytes 1000

Two simulators take turns at every put, which boto3 sends from this process. Each line is the median of its thousand.
"""

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

import boto3

BUCKET = "benchmark"
SIDES = ("without", "with")


@contextlib.contextmanager
def simulator(*options: str) -> Iterator[Any]:
    """Run a simulator in a separate process and yield an S3 client of it."""
    command = [sys.executable, "-m", "stagemaker", "start", "--isolation", "off", "--json", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        variables = json.loads(process.stdout.readline())
        yield boto3.client(
            "s3",
            endpoint_url=variables["AWS_ENDPOINT_URL"],
            region_name=variables["AWS_DEFAULT_REGION"],
            aws_access_key_id="simulator",
            aws_secret_access_key="simulator",
        )
    finally:
        process.terminate()
        process.wait()


def time_put(s3: Any, number: int, content: bytes) -> float:
    """Put an object and return the seconds."""
    start = time.perf_counter()
    s3.put_object(Bucket=BUCKET, Key=f"{number:08}", Body=content)
    return time.perf_counter() - start


def time_start(*options: str) -> float:
    """Return the seconds until a simulator answers."""
    start = time.perf_counter()
    with simulator(*options) as s3:
        s3.list_buckets()
        return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--puts", type=int, default=10_000, help="a multiple of 1000")
    parser.add_argument("--bytes", type=int, default=1000, help="of each object")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if arguments.puts < 1000 or arguments.puts % 1000:
        parser.error("--puts must be a multiple of 1000")
    content = b"x" * arguments.bytes
    seconds: dict[str, list[float]] = {side: [] for side in SIDES}
    with tempfile.TemporaryDirectory() as folder:
        with simulator() as without, simulator("--state", folder) as kept:
            clients = dict(zip(SIDES, (without, kept), strict=True))
            for s3 in clients.values():
                s3.create_bucket(Bucket=BUCKET)
            for first in range(0, arguments.puts, 1000):
                puts = range(first, first + 1000)
                pairs = [[time_put(s3, number, content) for s3 in clients.values()] for number in puts]
                for side, values in zip(SIDES, zip(*pairs, strict=True), strict=True):
                    seconds[side].append(statistics.median(values))
                print(f"{first + 1000} of {arguments.puts} puts", file=sys.stderr, flush=True)
        starts = dict(zip(SIDES, (time_start(), time_start("--state", folder)), strict=True))
    if arguments.json:
        print(json.dumps({"seconds_per_put": seconds, "seconds_to_start": starts}))
        return
    print("| puts | without --state, ms | with --state, ms | difference, ms |")
    print("|---|---|---|---|")
    for thousand, (without, kept) in enumerate(zip(*seconds.values(), strict=True), 1):
        print(f"| {thousand}000 | {1e3 * without:.2f} | {1e3 * kept:.2f} | {1e3 * (kept - without):.2f} |")
    without, kept = (statistics.mean(side) for side in seconds.values())
    print(f"| mean | {1e3 * without:.2f} | {1e3 * kept:.2f} | {1e3 * (kept - without):.2f} |")
    ratios = [f"{side} {values[-1] / values[0]:.2f}" for side, values in seconds.items()]
    print(f"\nlast thousand / first thousand: {', '.join(ratios)}")
    print(f"start: without {starts['without']:.2f} s, with {arguments.puts} objects {starts['with']:.2f} s")


if __name__ == "__main__":
    main()
