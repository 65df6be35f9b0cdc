"""Run the life cycle of a model in production, from sample data to deletion, on a dedicated simulator.

    python tools/recore/examples/production_demo.py [FOLDER]

FOLDER is a new folder for the data and the predictions, by default named after the time. Each step prints a command and
runs it; tools/recore/docs/serve.md explains the commands. The simulator stops when the demo ends.
"""

import gzip
import itertools
import json
import os
import shlex
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import boto3
import pandas as pd
from botocore.exceptions import BotoCoreError, ClientError

RECORE = [sys.executable, "-m", "recore"]
ROOT = Path(__file__).parents[3]
ENDPOINT = "core-assays"
SAMPLE = ("--rows", "600", "--holes", "60", "--channels", "424")


class Demo:
    """A demo that runs steps and records their durations."""

    def __init__(self, folder: Path):
        self.folder, self.seconds, self.variables = folder, dict[str, float](), dict[str, str]()

    def step(self, title: str, *arguments: object, output: Path | None = None) -> None:
        """Print and run a `recore` command, and exit if it fails. output: the file for the command's output."""
        words = [str(argument) for argument in arguments]
        redirection = f" > {shlex.quote(str(output))}" if output else ""
        print(f"\n== {title}\n$ recore {shlex.join(words)}{redirection}", flush=True)
        began = time.monotonic()
        with open(output, "w") if output else nullcontext() as file:
            command, variables = [*RECORE, *words], os.environ | self.variables
            done = subprocess.run(command, cwd=ROOT, env=variables, stdout=file)  # noqa: S603
        self.seconds[title] = time.monotonic() - began
        if done.returncode:
            sys.exit(f"demo: the step '{title}' failed with status {done.returncode}")

    @contextmanager
    def simulator(self) -> Iterator[None]:
        """Run a simulator, which the steps use, until the context exits."""
        command = [sys.executable, "-m", "stagemaker", "start", "--json"]
        with subprocess.Popen(  # noqa: S603
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as process:
            try:
                self.variables = json.loads(process.stdout.readline())
                yield
            finally:
                process.terminate()


class LoadGenerator:
    """Clients that send requests continuously, count each variant's responses, and list the errors of lost requests."""

    def __init__(self, variables: dict[str, str], bodies: list[bytes], clients: int = 2):
        self.responses, self.lost, self._ended = Counter[str](), list[str](), threading.Event()
        session = boto3.Session("x", "x", region_name=variables["AWS_DEFAULT_REGION"])
        self._runtime = session.client("sagemaker-runtime", endpoint_url=variables["AWS_ENDPOINT_URL"])
        self._bodies = itertools.cycle(bodies)
        self._threads = [threading.Thread(target=self._send) for _ in range(clients)]

    def __enter__(self) -> "LoadGenerator":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _send(self) -> None:
        while not self._ended.is_set():
            try:
                response = self._runtime.invoke_endpoint(
                    EndpointName=ENDPOINT, ContentType="text/csv", Accept="text/csv", Body=next(self._bodies)
                )
                response["Body"].read()
                self.responses[response["InvokedProductionVariant"]] += 1
            except (ClientError, BotoCoreError) as error:
                self.lost.append(str(error))
            self._ended.wait(0.1)


def read_bodies(file: Path) -> list[bytes]:
    """Return a request body for each row of a data file: the header line and the row."""
    with gzip.open(file, "rb") as lines:
        header = lines.readline()
        return [header + line for line in lines]


def write_assays(folder: Path) -> Path:
    """Write the private assays as a laboratory would send them, with the rows' indices as inference IDs."""
    target = folder / "arrived.csv"
    pd.read_csv(folder / "private/actual.csv.gz", index_col=0, dtype=str).to_csv(target, index_label="InferenceId")
    return target


def join_assays(folder: Path) -> Path:
    """Write a data file with the public and the private rows and all their assays."""
    public, private, actual = (
        pd.read_csv(folder / f"{name}.csv.gz", index_col=0, dtype=str)
        for name in ("public/public", "private/private", "private/actual")
    )
    joined = pd.concat([public, pd.concat([private, actual[actual.columns.difference(private.columns)]], axis=1)])
    target = folder / "grown.csv.gz"
    joined[public.columns].to_csv(target)
    return target


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else time.strftime("runs/production-demo-%Y%m%d-%H%M%S")).absolute()
    if folder.exists():
        sys.exit(f"demo: {folder} already exists; choose a different FOLDER")
    demo, began = Demo(folder), time.monotonic()
    public, private = folder / "public/public.csv.gz", folder / "private/private.csv.gz"
    demo.step("Sample data", "sample", "--out", folder, *SAMPLE)
    with demo.simulator():
        demo.step("Train version 1 through a pipeline", "production", "train", ROOT, "--public", public)
        demo.step("Approve it", "production", "approve", 1)
        demo.step("Predict in batch", "production", "predict", private, "--out", folder / "assays.csv")
        challenger, run = folder / "challenger", folder / "challenger-run"
        demo.step("Create a challenger with a different model", "new", challenger, "--model", "pls")
        demo.step("Train the challenger as a run", "run", challenger, "--public", public, "--out", run, "--no-report")
        demo.step("Register the challenger's run as version 2", "production", "register", run)
        demo.step("Approve version 2", "production", "approve", 2)
        variants = ("--variant", "A=1:1", "--variant", "B=2:1")
        demo.step("Deploy both versions as variants", "production", "deploy", *variants)
        with LoadGenerator(demo.variables, read_bodies(private)) as load:
            demo.step("Invoke the endpoint", "production", "invoke", private, "--json", output=folder / "answers.jsonl")
            arrived = write_assays(folder)
            demo.step("Compare the variants on measured assays", "production", "compare", "--assays", arrived)
            monitor = ("monitor", "--complete", "--out", folder / "monitor.html")
            demo.step("Test whether the spectra are similar to the training spectra", "production", *monitor)
            update = ("update", 1, "--strategy", "linear", "--step", 50, "--interval", 0)
            demo.step("Update under load", "production", *update)
            demo.step("Roll back under load", "production", "rollback", "--interval", 0)
        retrain = ("retrain", ROOT, "--public", join_assays(folder), "--approve")
        demo.step("Retrain with the new assays", "production", *retrain)
        demo.step("List versions and endpoint", "production", "list")
        demo.step("Delete everything", "production", "delete", "--all", "--yes")
    print("\n== Summary")
    for title, seconds in demo.seconds.items():
        print(f"{seconds:7.1f} s  {title}")
    shares = ", ".join(f"{variant} {count}" for variant, count in sorted(load.responses.items()))
    print(f"{time.monotonic() - began:7.1f} s  in total")
    print(f"requests under load: {load.responses.total()} succeeded ({shares}), {len(load.lost)} lost")
    contents = "the data, the challenger, assays.csv, answers.jsonl and monitor.html"
    print(f"results: {folder} with {contents}; nothing remains on the simulator")
    if load.lost:
        sys.exit(f"demo: {len(load.lost)} requests were lost; the first: {load.lost[0]}")


if __name__ == "__main__":
    main()
