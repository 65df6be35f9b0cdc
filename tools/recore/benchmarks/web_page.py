"""The web page of an endpoint under load, against the endpoint alone.

    python tools/recore/benchmarks/web_page.py --seconds 60 --repeats 5

Eight clients in a process of their own send one spectrum again and again: to the page's API as an OPUS file, and to the
endpoint as the CSV that the page makes of it, with the same answer. Both take turns, in a changing order. The endpoint
is one of a simulator on this machine, so that the page and the model compete for its processors. Memory is that of the
page's process.
"""

import argparse
import contextlib
import csv
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[3]
SHARED = ("tests", "tools/recore/tests", "tools/stagemaker/tests", "tools/stagemaker/benchmarks")
sys.path[:0] = [str(ROOT / folder) for folder in SHARED]
LOAD = ROOT / "tools/stagemaker/benchmarks/http_load.py"

from endpoints import simulator
from recore_support.web_page import opus_file, read_rows

WARM_UP = 5.0  # seconds of requests before memory is measured
Measured = dict[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="of each measurement")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--clients", type=int, default=8)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, simulator() as variables:
        folder = Path(name)
        os.environ.update(variables)
        deploy_model(folder)
        bodies = write_bodies(folder)
        with page(folder) as (process, address):
            urls = {
                "endpoint": f"{variables['AWS_ENDPOINT_URL']}/endpoints/core-assays/invocations",
                "page": f"{address}api/assays?name=DD001.0",
            }
            found: dict[str, list[Measured]] = {peer: [] for peer in urls}
            load(urls["page"], bodies["page"], arguments.clients, WARM_UP)
            memory = [measure_memory(process)]
            for number in range(arguments.repeats):
                for peer in sorted(urls, reverse=bool(number % 2)):
                    print(f"{peer}: {number + 1} of {arguments.repeats}", file=sys.stderr, flush=True)
                    found[peer].append(load(urls[peer], bodies[peer], arguments.clients, arguments.seconds))
                memory.append(measure_memory(process))
    show(found, memory)


def show(found: dict[str, list[Measured]], memory: list[float]) -> None:
    """Print medians, the ratio of each pair, and the memory before and after each measurement of the page."""
    print("| peer | requests/s | p50, ms | p99, ms | answered |\n|---|---|---|---|---|")
    for peer, results in found.items():
        rate, p50, p99 = (statistics.median(result[name] for result in results) for name in ("rate", "p50", "p99"))
        answered = sum(result["answered"] for result in results)
        print(f"| {peer} | {rate:.1f} | {p50:.1f} | {p99:.1f} | {answered:,.0f} |")
    pairs = list(zip(found["page"], found["endpoint"], strict=True))
    for name in ("p50", "p99"):
        ratios = [page[name] / endpoint[name] for page, endpoint in pairs]
        print(f"\n{name}, page / endpoint: median {statistics.median(ratios):.2f} of", *(f"{r:.2f}" for r in ratios))
    print("\nmemory of the page, MB:", *(f"{each:.0f}" for each in memory))


def run(*words: object, cwd: Path) -> None:
    command = [sys.executable, "-m", "recore", *map(str, words)]
    subprocess.run(command, cwd=cwd, check=True, stdout=subprocess.DEVNULL)


def deploy_model(folder: Path) -> None:
    """Train the template on sample data, and make an endpoint of it."""
    run("sample", "--out", folder / "data", "--rows", 600, "--holes", 60, "--channels", 424, cwd=folder)
    run("production", "train", ROOT, "--public", folder / "data/public/public.csv.gz", cwd=folder)
    run("production", "approve", 1, cwd=folder)
    run("production", "deploy", cwd=folder)


def write_bodies(folder: Path) -> dict[str, Path]:
    """Write a spectrum as the endpoint gets it from the page, and as an OPUS file."""
    rows = read_rows(folder / "data/private/private.csv.gz")
    places = [place for place, name in enumerate(rows[0]) if name[:1].isdigit()]
    bodies = {"endpoint": folder / "body.csv", "page": folder / "DD001.0"}
    with open(bodies["endpoint"], "w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["index", *(rows[0][place] for place in places)])
        table.writerow(["0", *(rows[1][place] for place in places)])
    bodies["page"].write_bytes(opus_file(rows, 1))
    return bodies


@contextlib.contextmanager
def page(folder: Path) -> Iterator[tuple[psutil.Process, str]]:
    """Serve the page, and yield its process and its address."""
    command = [sys.executable, "-m", "recore", "web", "--port", "0", "--json"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        try:
            started: dict[str, Any] = json.loads(process.stdout.readline()) if process.stdout else {}
            yield psutil.Process(process.pid), started["address"]
        finally:
            process.send_signal(signal.SIGINT)


def load(url: str, body: Path, clients: int, seconds: float) -> Measured:
    """Send requests from another process. Any answer but a 200 ends the benchmark."""
    program = [sys.executable, str(LOAD), url, "--accept", "application/json"]
    options = ["--body", str(body), "--clients", str(clients), "--seconds", str(seconds)]
    done = subprocess.run([*program, *options], check=True, stdout=subprocess.PIPE)
    values: Measured = json.loads(done.stdout)
    return values


def measure_memory(process: psutil.Process) -> float:
    return float(process.memory_info().rss / 1e6)


if __name__ == "__main__":
    main()
