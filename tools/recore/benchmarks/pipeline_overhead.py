"""Measure the pipeline's overhead: alternate `recore run` with running the four scripts directly on the same files.

    python tools/recore/benchmarks/pipeline_overhead.py --rows 20000 --repeats 3

--rows is the approximate number of public rows; private rows are added in the usual proportion. "Directly" means
train.py, and then preprocess.py, predict.py and score.py for public and for private data, one after the other. A run
processes public and private data in parallel. The scripts write no report, so the ratio uses a run with --no-report.

Seconds are measured for entire processes, including start-up and imports. Memory is the peak RSS of a process together
with its descendants, sampled ten times a second; shared pages count more than once. All numbers are medians. Machines
differ, so compare the ratios.
"""

import argparse
import contextlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[3]

from recore.dataset.sample_files import PRIVATE_SHARE, SAMPLE_FILES, Plan, make_sample

INTERVAL = 0.1  # seconds between samples of memory


def script_commands(data: Path, out: Path) -> list[list[object]]:
    """Return the scripts' commands, as in `make by-hand`."""
    public, private, actual = (data / name for name in SAMPLE_FILES)
    model = ("--model_dir", out / "model")
    commands: list[list[object]] = [["train.py", "--data_dir", public.parent, *model]]
    for split, inputs, assays in (("public", public, public), ("private", private, actual)):
        predicted = out / f"predictions/{split}.csv.out"
        commands += [
            ["preprocess.py", "--input", inputs, "--output", out / f"preprocess/{split}.csv"],
            ["predict.py", *model, "--input", inputs, "--output", predicted],
            ["score.py", "--actual", assays, "--predicted", predicted, "--output", out / f"scores/{split}.txt"],
        ]
    return commands


def measure(commands: Sequence[list[object]]) -> tuple[float, float]:
    """Run commands in turn. Return the total seconds, and the peak MiB of the largest command with its descendants.

    Raises RuntimeError if a command fails.
    """
    peak, start = 0, time.perf_counter()
    for command in commands:
        process = psutil.Popen([sys.executable, *map(str, command)], cwd=ROOT, stdout=subprocess.DEVNULL)
        while process.poll() is None:
            peak = max(peak, memory(process))
            with contextlib.suppress(psutil.TimeoutExpired):
                process.wait(INTERVAL)
        if process.returncode:
            raise RuntimeError(f"{command} exited with {process.returncode}")
    return time.perf_counter() - start, peak / 2**20


def memory(process: psutil.Process) -> int:
    """Return the memory in bytes of a process and its descendants."""
    total = 0
    with contextlib.suppress(psutil.Error):
        for each in (process, *process.children(recursive=True)):
            with contextlib.suppress(psutil.Error):  # it has just ended
                total += each.memory_info().rss
    return total


def compare(rows: int, repeats: int) -> list[object]:
    """Run the pipeline and the scripts on the same data, and return table cells with medians."""
    rounds = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plan = Plan(rows=round(rows / (1 - PRIVATE_SHARE)), holes=max(20, rows // 140), missing=0)
        counts = list(make_sample(folder / "data", plan).values())[:2]
        public, private, actual = (folder / "data" / name for name in SAMPLE_FILES)
        run = ["-m", "recore", "run", ROOT, "--public", public, "--private", private, "--actual", actual, "--no-report"]
        for number in range(repeats):
            out, own = folder / f"run-{number}", folder / f"by-hand-{number}"
            commands = ([*run, "--out", out], *script_commands(folder / "data", own), ["-m", "recore", "report", out])
            rounds.append([measure(commands[:1]), measure(commands[1:-1]), measure(commands[-1:])])
    # of a run, of the scripts directly, and of the report
    seconds, peaks = ([statistics.median(each[work][i] for each in rounds) for work in range(3)] for i in range(2))
    times = [f"{seconds[0]:.1f}", f"{seconds[1]:.1f}", f"{seconds[0] / seconds[1]:.2f}", f"{seconds[2]:.1f}"]
    return [" + ".join(map(str, counts)), *times, f"{peaks[0]:.0f}", f"{peaks[1]:.0f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[20_000])
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    titles = ["rows, public + private", "run, s", "directly, s", "ratio", "report, s", "run, MiB", "directly, MiB"]
    print(f"| {' | '.join(titles)} |\n|{'---|' * len(titles)}")
    for rows in arguments.rows:
        print(f"| {' | '.join(map(str, compare(rows, arguments.repeats)))} |", flush=True)


if __name__ == "__main__":
    main()
