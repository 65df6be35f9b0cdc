"""The pipeline's overhead: `recore run` against the same four scripts by hand, alternating, on the same files.

    python tools/recore/benchmarks/pipeline_overhead.py --rows 20000 --repeats 3
    python tools/recore/benchmarks/pipeline_overhead.py --rows 40000 --max-payload 25

--rows is the approximate number of public rows; private rows are added in the sample's proportion. By hand means
train.py, then preprocess.py, predict.py and score.py for public and for private data, one after the other. A run does
public and private in parallel. By hand makes no report: the ratio is that of a run with --no-report.

Seconds are those of whole processes, including start and imports. Memory is the peak of a process and its descendants
together, sampled ten times a second: it is RSS, so a page that several processes share counts more than once. The
second table comes from the run's own record; its memory is the peak of a step's job. All numbers are medians. Machines
differ: compare the ratios.
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[3]

from recore.dataset.sample_files import PRIVATE_SHARE, SAMPLE_FILES, Plan, make_sample
from stagemaker.isolation.instances import instance_of

WORK = ("run", "by hand", "report")  # what is measured in each repeat, in this order
INTERVAL = 0.1  # seconds between two samples of memory
INSTANCES = {"TrainingJob": "training", "ProcessingJob": "processing", "TransformJob": "transform"}
REDIRECTING = ("AWS_ENDPOINT_URL", "SM_MODEL_DIR", "SM_CHANNEL_TRAINING")  # variables that would redirect a run


def make_data(folder: Path, rows: int) -> list[int]:
    """Make the three files below `folder`; return the numbers of public and private rows."""
    print(f"making {rows} public rows", end="", file=sys.stderr, flush=True)
    start = time.perf_counter()
    plan = Plan(rows=round(rows / (1 - PRIVATE_SHARE)), holes=max(20, rows // 140), missing=0)
    counts = make_sample(folder, plan)
    print(f": {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
    return list(counts.values())[:2]


def script_commands(data: Path, out: Path) -> list[list[object]]:
    """Return the scripts' commands, as in `make by-hand`."""
    public, private, actual = (data / name for name in SAMPLE_FILES)
    model = ("--model_dir", out / "model")
    commands: list[list[object]] = [["train.py", "--data_dir", public.parent, *model]]
    for side, inputs, assays in (("public", public, public), ("private", private, actual)):
        predicted = out / f"predictions/{side}.csv.out"
        commands += [
            ["preprocess.py", "--input", inputs, "--output", out / f"preprocess/{side}.csv"],
            ["predict.py", *model, "--input", inputs, "--output", predicted],
            ["score.py", "--actual", assays, "--predicted", predicted, "--output", out / f"scores/{side}.txt"],
        ]
    return commands


def run_commands(data: Path, out: Path, payload: int) -> list[list[object]]:
    """Return the one command of the pipeline."""
    public, private, actual = (data / name for name in SAMPLE_FILES)
    files = ("--public", public, "--private", private, "--actual", actual)
    return [["-m", "recore", "run", ROOT, *files, "--out", out, "--max-payload", payload, "--no-report"]]


def measure(commands: list[list[object]]) -> tuple[float, float]:
    """Run commands one after the other; return seconds, and the peak MiB of a process with its descendants.

    Raises RuntimeError if a command fails.
    """
    environment = {name: value for name, value in os.environ.items() if name not in REDIRECTING}
    peak, start = 0, time.perf_counter()
    for command in commands:
        words = [sys.executable, *map(str, command)]
        with tempfile.TemporaryFile("w+") as output:
            process = psutil.Popen(words, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)
            while True:
                peak = max(peak, memory(process))
                with contextlib.suppress(psutil.TimeoutExpired):
                    code = process.wait(INTERVAL)
                    break
            if code:
                output.seek(0)
                raise RuntimeError(f"{words} ended with {code}:\n{output.read()}")
    return time.perf_counter() - start, peak / 2**20


def memory(process: psutil.Process) -> int:
    """Return the bytes of memory of a process and its descendants."""
    total = 0
    with contextlib.suppress(psutil.Error):
        for each in (process, *process.children(recursive=True)):
            with contextlib.suppress(psutil.Error):  # it has just ended
                total += each.memory_info().rss
    return total


def transfer_mode(out: Path, payload: int) -> str:
    """Return how the model's inputs were sent, by the sizes of the same files that were made by hand."""
    sizes = {side: (out / f"preprocess/{side}.csv").stat().st_size for side in ("public", "private")}
    modes = {side: "by lines" if size > payload * 10**6 else "whole" for side, size in sizes.items()}
    if modes["public"] == modes["private"]:
        return modes["public"]
    return ", ".join(f"{side} {mode}" for side, mode in modes.items())


def steps(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the name, the median seconds and the median MiB of each step; None for a step without a job."""
    medians = []
    for repeats in zip(*(record["steps"] for record in records), strict=True):
        kind = INSTANCES.get(repeats[0]["kind"])
        shares = [step["memory_percent"] / 100 for step in repeats if step["memory_percent"] is not None]
        size = instance_of(records[0]["settings"][kind]["type"]).memory / 2**20 if kind else 0
        seconds = statistics.median(step["seconds"] for step in repeats)
        memory = statistics.median(shares) * size if shares else None
        medians.append({"step": repeats[0]["name"], "seconds": seconds, "MiB": memory})
    return medians


def compare(rows: int, repeats: int, payload: int) -> dict[str, Any]:
    """Run both on data of one size; return all measurements."""
    rounds, records = [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        counts = make_data(folder / "data", rows)
        for number in range(repeats):
            ours, hand = folder / f"run-{number}", folder / f"by-hand-{number}"
            commands = run_commands(folder / "data", ours, payload), script_commands(folder / "data", hand)
            rounds.append([*map(measure, commands), measure([["-m", "recore", "report", ours]])])
            records.append(json.loads((ours / "run.json").read_text("utf-8")))
            took = ", ".join(f"{name} {seconds:.1f} s" for name, (seconds, _) in zip(WORK, rounds[-1], strict=True))
            print(f"{number + 1} of {repeats}: {took}", file=sys.stderr, flush=True)
        inputs = transfer_mode(hand, payload)
    result: dict[str, Any] = {"rows": counts, "inputs": inputs, "isolation": records[0]["isolation"].partition(":")[0]}
    for place, name in enumerate(WORK):
        seconds, peak = (statistics.median(each[place][quantity] for each in rounds) for quantity in (0, 1))
        result[name] = {"seconds": seconds, "MiB": peak}
    return result | {"steps": steps(records)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[20_000])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--max-payload", type=int, default=100, help="MB; larger inputs are sent to the model by lines")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    results = [compare(rows, arguments.repeats, arguments.max_payload) for rows in arguments.rows]
    if arguments.json:
        print(json.dumps(results))
        return
    titles = ["rows, public + private", "inputs", "isolation", "run, s", "by hand, s", "ratio", "report, s"]
    titles += ["run, MiB", "by hand, MiB"]
    print(f"| {' | '.join(titles)} |\n|{'---|' * len(titles)}")
    for result in results:
        ours, hand = result["run"], result["by hand"]
        cells = [" + ".join(map(str, result["rows"])), result["inputs"], result["isolation"]]
        cells += [f"{ours['seconds']:.1f}", f"{hand['seconds']:.1f}", f"{ours['seconds'] / hand['seconds']:.2f}"]
        cells.append(f"{result['report']['seconds']:.1f}")
        cells += [f"{ours['MiB']:.0f}", f"{hand['MiB']:.0f}"]
        print(f"| {' | '.join(cells)} |")
    print("\n| step | " + " | ".join(f"{result['rows'][0]}, s | MiB" for result in results) + " |")
    print("|---|" + "---|---|" * len(results))
    for steps_of_sizes in zip(*(result["steps"] for result in results), strict=True):
        cells = [
            f"{step['seconds']:.1f} | {'-' if step['MiB'] is None else round(step['MiB'])}" for step in steps_of_sizes
        ]
        print(f"| {steps_of_sizes[0]['step']} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
