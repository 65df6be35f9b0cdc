"""What the pipeline costs: `recore run` against the same four scripts by hand, on the same files, in turn.

    python benchmarks/run.py --rows 20000 --repeats 3
    python benchmarks/run.py --rows 40000 --max-payload 25

--rows are those of the public file, about; private ones come besides, in the sample's proportion. By hand: train.py,
then preprocess.py, predict.py and score.py for public and for private, one after the other. A run does both at once.

Seconds are of whole processes, start and imports included. Memory is the most that a process and all below it had at
one time, looked at ten times a second: RSS, so a page that several share counts more than once. The second table is
from the run's own record, memory as the most that a step's job had. Medians; compare the ratios, for machines differ.
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

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from recore.dataset.sample import FILES, PRIVATE_SHARE, Plan, make_sample
from recore.simulator.instances import instance_of

INTERVAL = 0.1  # seconds between looks at memory
INSTANCES = {"TrainingJob": "training", "ProcessingJob": "processing", "TransformJob": "transform"}
ELSEWHERE = ("AWS_ENDPOINT_URL", "SM_MODEL_DIR", "SM_CHANNEL_TRAINING")  # would send a run or a script there


def make_data(folder: Path, rows: int) -> list[int]:
    """The three files, below `folder`; the rows of public and of private."""
    print(f"making {rows} public rows", end="", file=sys.stderr, flush=True)
    started = time.perf_counter()
    plan = Plan(rows=round(rows / (1 - PRIVATE_SHARE)), holes=max(20, rows // 140), missing=0)
    counts = make_sample(folder, plan)
    print(f": {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
    return list(counts.values())[:2]


def by_hand(data: Path, out: Path) -> list[list[object]]:
    """The scripts' commands, as `make by-hand` has them."""
    public, private, actual = (data / name for name in FILES)
    model = ("--model_dir", out / "model")
    commands: list[list[object]] = [["train.py", "--data_dir", public.parent, *model]]
    for side, given, assays in (("public", public, public), ("private", private, actual)):
        predicted = out / f"predictions/{side}.csv.out"
        commands += [
            ["preprocess.py", "--input", given, "--output", out / f"preprocess/{side}.csv"],
            ["predict.py", *model, "--input", given, "--output", predicted],
            ["score.py", "--actual", assays, "--predicted", predicted, "--output", out / f"scores/{side}.txt"],
        ]
    return commands


def run(data: Path, out: Path, payload: int) -> list[list[object]]:
    public, private, actual = (data / name for name in FILES)
    files = ("--public", public, "--private", private, "--actual", actual)
    return [["-m", "recore", "run", ROOT, *files, "--out", out, "--max-payload", payload]]


def measure(commands: list[list[object]]) -> tuple[float, float]:
    """Run them one after the other; seconds, and the peak MiB of any with all below it. Raises where one fails."""
    environment = {name: value for name, value in os.environ.items() if name not in ELSEWHERE}
    peak, started = 0, time.perf_counter()
    for command in commands:
        words = [sys.executable, *map(str, command)]
        with tempfile.TemporaryFile("w+") as said:
            process = psutil.Popen(words, cwd=ROOT, env=environment, stdout=said, stderr=subprocess.STDOUT)
            while True:
                peak = max(peak, memory(process))
                with contextlib.suppress(psutil.TimeoutExpired):
                    code = process.wait(INTERVAL)
                    break
            if code:
                said.seek(0)
                raise RuntimeError(f"{words} ended with {code}:\n{said.read()}")
    return time.perf_counter() - started, peak / 2**20


def memory(process: psutil.Process) -> int:
    """Bytes of a process and all below it."""
    total = 0
    with contextlib.suppress(psutil.Error):
        for each in (process, *process.children(recursive=True)):
            with contextlib.suppress(psutil.Error):  # it has just ended
                total += each.memory_info().rss
    return total


def way(out: Path, payload: int) -> str:
    """How the model's inputs went, which by hand left as files of the same size."""
    sizes = {side: (out / f"preprocess/{side}.csv").stat().st_size for side in ("public", "private")}
    ways = {side: "by lines" if size > payload * 10**6 else "whole" for side, size in sizes.items()}
    return ways["public"] if len(set(ways.values())) == 1 else ", ".join(f"{side} {how}" for side, how in ways.items())


def steps(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of each step of some runs: its name, its seconds and its MiB, which a step without a job has not."""
    found = []
    for same in zip(*(record["steps"] for record in records), strict=True):
        kind = INSTANCES.get(same[0]["kind"])
        share = [step["memory_percent"] / 100 for step in same if step["memory_percent"] is not None]
        size = instance_of(records[0]["settings"][kind]["type"]).memory / 2**20 if kind else 0
        seconds = statistics.median(step["seconds"] for step in same)
        found.append(
            {"step": same[0]["name"], "seconds": seconds, "MiB": statistics.median(share) * size if share else None}
        )
    return found


def compare(rows: int, repeats: int, payload: int) -> dict[str, Any]:
    """All that is to be known of one size of data."""
    pairs, records = [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        counts = make_data(folder / "data", rows)
        for number in range(repeats):
            ours, hand = folder / f"run-{number}", folder / f"by-hand-{number}"
            pairs.append((measure(run(folder / "data", ours, payload)), measure(by_hand(folder / "data", hand))))
            records.append(json.loads((ours / "run.json").read_text("utf-8")))
            took = " and ".join(f"{side[0]:.1f} s" for side in pairs[-1])
            print(f"run and by hand, {number + 1} of {repeats}: {took}", file=sys.stderr, flush=True)
        inputs = way(hand, payload)
    result: dict[str, Any] = {"rows": counts, "inputs": inputs, "walls": records[0]["isolation"].partition(":")[0]}
    for side, what in enumerate(("run", "by hand")):
        seconds, peak = (statistics.median(pair[side][quantity] for pair in pairs) for quantity in (0, 1))
        result[what] = {"seconds": seconds, "MiB": peak}
    return result | {"steps": steps(records)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[20_000])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--max-payload", type=int, default=100, help="MB; larger inputs go to the model by lines")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    results = [compare(rows, arguments.repeats, arguments.max_payload) for rows in arguments.rows]
    if arguments.json:
        print(json.dumps(results))
        return
    print("| rows, public + private | inputs | walls | run, s | by hand, s | ratio | run, MiB | by hand, MiB |")
    print("|---|---|---|---|---|---|---|---|")
    for result in results:
        ours, hand = result["run"], result["by hand"]
        cells = [" + ".join(map(str, result["rows"])), result["inputs"], result["walls"]]
        cells += [f"{ours['seconds']:.1f}", f"{hand['seconds']:.1f}", f"{ours['seconds'] / hand['seconds']:.2f}"]
        print(f"| {' | '.join([*cells, f'{ours["MiB"]:.0f}', f'{hand["MiB"]:.0f}'])} |")
    print("\n| step | " + " | ".join(f"{result['rows'][0]}, s | MiB" for result in results) + " |")
    print("|---|" + "---|---|" * len(results))
    for same in zip(*(result["steps"] for result in results), strict=True):
        cells = [f"{step['seconds']:.1f} | {'-' if step['MiB'] is None else round(step['MiB'])}" for step in same]
        print(f"| {same[0]['step']} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
