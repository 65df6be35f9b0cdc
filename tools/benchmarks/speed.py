"""Time and peak memory of the four steps: plain pandas, ours, and the floor of the same work, alternating.

    python tools/benchmarks/speed.py --rows 4000 20000 100000 --repeats 3
    python tools/benchmarks/speed.py --rows 4000 --repeats 1 --json

plain: plain/, the simplest code. floor: floor.py, the same work and nothing else. Whole processes
are measured, including start and imports, each on the same file. The fit is also measured alone, in a process that does
nothing else. All numbers are medians. Machines differ and are busy: compare the ratios. See docs/performance.md.
"""

import argparse
import gzip
import itertools
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
DISTINCT_ROWS = 4000  # rows that are generated; further rows repeat these with other names of holes
SIDES = ("plain", "ours", "floor")
FIT_ROWS = 20_000  # above this, the fit is not measured alone: plain takes too long if assays are missing
MISSING = 0.03
SAMPLED = 7  # with gaps plain fits target by target: every SAMPLEDth is timed, and the time multiplied
# The matrices are small, and on a busy machine BLAS's threads wait for each other: all sides have one thread.
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def make_data(folder: Path, rows: int) -> Path:
    """Make a public file of 1,700 channels and 49 assays; rows past DISTINCT_ROWS repeat in new holes."""
    from recore.dataset.sample_files import SAMPLE_FILES, Plan, make_sample

    distinct = min(rows, DISTINCT_ROWS)
    make_sample(folder, Plan(rows=2 * distinct, holes=max(24, distinct // 100), missing=0))
    path = folder / "data/public.csv.gz"
    path.parent.mkdir()
    with gzip.open(folder / SAMPLE_FILES[0], "rb") as source:
        header, *lines = itertools.islice(source, distinct + 1)
    with gzip.open(path, "wb", compresslevel=6) as target:
        target.write(header)
        for row in range(rows):
            _, depth_to, hole, rest = lines[row % distinct].split(b",", 3)
            hole = hole.strip(b'"') + b"-%d" % (row // distinct)
            target.write(b",".join([b"%d" % row, depth_to, hole, rest]))
    return path


def commands(folder: Path, data: Path) -> dict[str, dict[str, list[object]]]:
    """Return the commands by step and side. Each side reads its own model; all score the same predictions."""
    out = {side: folder / side for side in SIDES}
    for path in out.values():
        path.mkdir()
    plain, ours, floor = out.values()
    predicted, model = ours / "public.csv.out", ("--model_dir", ours)
    program = HERE / "floor.py"
    return {
        "preprocess": {
            "plain": [HERE / "plain/preprocess.py", data, plain / "public.csv"],
            "ours": [ROOT / "preprocess.py", "--input", data, "--output", ours / "public.csv"],
            "floor": [program, "preprocess", data, floor / "public.csv"],
        },
        "train": {
            "plain": [HERE / "plain/train.py", data, plain / "model.pkl"],
            "ours": [ROOT / "train.py", "--data_dir", data.parent, *model],
            "floor": [program, "train", data, floor / "model"],
        },
        "predict": {
            "plain": [HERE / "plain/predict.py", plain / "model.pkl", data, plain / "public.csv.out"],
            "ours": [ROOT / "predict.py", *model, "--input", data, "--output", predicted],
            "floor": [program, "predict", floor / "model", data, floor / "public.csv.out"],
        },
        "score": {
            "plain": [HERE / "plain/score.py", data, predicted],
            "ours": [ROOT / "score.py", "--actual", data, "--predicted", predicted, "--output", ours / "public.txt"],
            "floor": [program, "score", data, predicted],
        },
    }


def measure(command: list[object]) -> dict[str, float]:
    """Run a command; return its seconds, processor seconds and peak MiB. Raises RuntimeError if it fails."""
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, *map(str, command)], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command[:2]} ended with {process.returncode}")
    seconds = time.perf_counter() - start
    return {"s": seconds, "cpu": usage.ru_utime + usage.ru_stime, "MiB": usage.ru_maxrss / 1024}


def call_in_new_process(function: Callable, *arguments: object) -> Any:
    """Call a function in a new process: this one must stay small, as its size counts in a child's peak memory."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def time_fits(data: Path, repeats: int) -> dict[str, dict[str, dict[str, float]]]:
    """Time the fit alone, with the data in memory: with all assays, and with MISSING of them removed at random."""
    sys.path[:0] = [str(ROOT), str(HERE)]
    import floor
    import numpy as np
    import train
    from challenge.training import read
    from sklearn.linear_model import RidgeCV

    inputs, targets, holes = read(str(data))
    measured = np.random.default_rng(0).random(targets.shape) >= MISSING
    gaps = targets.where(measured)

    def ours(targets):
        return lambda: train.fit(inputs, targets, holes)

    def plain():
        return RidgeCV(alphas=floor.ALPHAS[::-1], alpha_per_target=True).fit(inputs, targets)

    def plain_by_target():
        for name in gaps.columns[::SAMPLED]:
            rows = gaps[name].notna()
            RidgeCV(alphas=floor.ALPHAS[::-1]).fit(inputs[rows], gaps[name][rows])

    def least(targets):
        return lambda: floor.fit(inputs.to_numpy(), targets.to_numpy(), holes, floor.ALPHAS, floor.FOLDS)

    fits = {
        "fit, all measured": {"plain": plain, "ours": ours(targets), "floor": least(targets)},
        f"fit, {MISSING:.0%} missing": {"plain": plain_by_target, "ours": ours(gaps), "floor": least(gaps)},
    }
    results = {}
    for name, sides in fits.items():
        runs = []
        for _ in range(repeats):
            runs.append({side: clock(function) for side, function in sides.items()})
            if sides["plain"] is plain_by_target:
                runs[-1]["plain"] = {quantity: SAMPLED * value for quantity, value in runs[-1]["plain"].items()}
        results[name] = medians(runs)
    return results


def clock(function: Callable[[], object]) -> dict[str, float]:
    """Call a function; return its seconds and processor seconds."""
    start, cpu_start = time.perf_counter(), time.process_time()
    function()
    return {"s": time.perf_counter() - start, "cpu": time.process_time() - cpu_start}


def medians(runs: list[dict[str, dict[str, float]]]) -> dict[str, dict[str, float]]:
    """Return each side's median of each quantity over some runs of all sides."""
    return {
        side: {quantity: statistics.median(run[side][quantity] for run in runs) for quantity in quantities}
        for side, quantities in runs[0].items()
    }


def all_steps(steps: dict[str, dict[str, dict[str, float]]]) -> dict[str, dict[str, float]]:
    """Combine the four steps: the sum of seconds, the maximum of memory."""
    return {
        side: {
            "s": sum(sides[side]["s"] for sides in steps.values()),
            "cpu": sum(sides[side]["cpu"] for sides in steps.values()),
            "MiB": max(sides[side]["MiB"] for sides in steps.values()),
        }
        for side in SIDES
    }


def compare(rows: int, repeats: int) -> dict[str, dict[str, dict[str, float]]]:
    """Measure one size of data; return the results by step or fit, side and quantity."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        report(f"{rows} rows: making the data")
        data = call_in_new_process(make_data, folder, rows)
        results = {}
        for step, sides in commands(folder, data).items():
            runs = []
            for number in range(repeats):
                runs.append({side: measure(command) for side, command in sides.items()})
                measured = ", ".join(
                    f"{side} {run['s']:.1f} s {run['cpu']:.1f} CPU s {run['MiB']:.0f} MiB"
                    for side, run in runs[-1].items()
                )
                report(f"{rows} rows: {step}, {number + 1} of {repeats}: {measured}")
            results[step] = medians(runs)
        results["all four"] = all_steps(results)
        if rows <= FIT_ROWS:
            report(f"{rows} rows: the fit alone")
            results |= call_in_new_process(time_fits, data, repeats)
    return results


def report(progress: str) -> None:
    print(progress, file=sys.stderr, flush=True)


def table_head() -> str:
    quantities = [f"{side}, {unit}" for unit in ("s", "CPU s", "MiB") for side in SIDES]
    cells = ["rows", "step", *quantities[:3], "plain / ours", "ours / floor", *quantities[3:]]
    return f"| {' | '.join(cells)} |\n|" + "---|" * len(cells)


def table_lines(rows: int, steps: dict[str, dict[str, dict[str, float]]]) -> str:
    """Return the table's lines for one size of data."""
    table = []
    for step, sides in steps.items():
        plain, ours, floor = (sides[side]["s"] for side in SIDES)
        cells = [f"{rows:,}", step, *(f"{seconds:.2f}" for seconds in (plain, ours, floor))]
        cells += [f"{plain / ours:.1f}", f"{ours / floor:.2f}", *(f"{sides[side]['cpu']:.2f}" for side in SIDES)]
        cells += [f"{sides[side]['MiB']:.0f}" if "MiB" in sides[side] else "-" for side in SIDES]
        table.append(f"| {' | '.join(cells)} |")
    if gaps := [step for step in steps if "missing" in step]:
        ratios = {side: steps[gaps[0]][side]["cpu"] / steps["fit, all measured"][side]["cpu"] for side in SIDES}
        cells = [f"{rows:,}", "with gaps / all measured, in CPU s", "", "", "", "", ""]
        cells += [f"{ratios[side]:.1f}" for side in SIDES] + ["-" for _ in SIDES]
        table.append(f"| {' | '.join(cells)} |")
    return "\n".join(table)


def print_growth(results: dict[int, dict[str, dict[str, dict[str, float]]]]) -> None:
    """Print the cost of 1,000 more rows, from one size to the next."""
    spans = list(itertools.pairwise(results))
    print("\n| 1,000 rows more | " + " | ".join(f"{a:,} to {b:,}: {side}" for a, b in spans for side in SIDES) + " |")
    print("|---|" + "---|" * len(spans) * len(SIDES))
    for step in [step for step in results[min(results)] if "fit" not in step]:
        cells = []
        for a, b in spans:
            for side in SIDES:
                small, large = results[a][step][side], results[b][step][side]
                milliseconds = 1e6 * (large["s"] - small["s"]) / (b - a)
                memory = 1e3 * (large["MiB"] - small["MiB"]) / (b - a)
                cells.append(f"{milliseconds:.0f} ms, {memory:.1f} MiB")
        print(f"| {step} | {' | '.join(cells)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[4000, 20_000, 100_000])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    results = {}
    for rows in sorted(arguments.rows):
        results[rows] = compare(rows, arguments.repeats)
        if not arguments.json:
            if len(results) == 1:
                print(table_head())
            print(table_lines(rows, results[rows]), flush=True)
    if arguments.json:
        print(json.dumps(results))
    elif len(results) > 1:
        print_growth(results)


if __name__ == "__main__":
    os.environ |= ONE_THREAD
    main()
