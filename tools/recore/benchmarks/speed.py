"""Measure time and peak memory of the four steps with plain pandas and with our code, and the time of one fit.

    python tools/recore/benchmarks/speed.py --rows 1344 3000 --repeats 3

plain/ contains the simplest code for the same steps; its model is one ridge regression. Runs of the two versions
alternate. Entire processes are measured, including start-up and imports, on the public file of sample data with about
--rows rows. The fit is measured in a separate process, with all assays and with 3% of them removed at random, so that
each target is fitted on different rows. All numbers are medians. Compare the ratios: machines differ and are busy.
"""

import argparse
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parent
VERSIONS = ("plain", "ours")
CHANNELS = 3651  # from 4000 to 350, as in the challenge's spectra
MISSING = 0.03
# The matrices are small, and on a busy machine BLAS's threads wait for each other, so both versions have one thread.
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def make_data(folder: Path, rows: int) -> Path:
    """Write a sample data set with about this many public rows, and return the path of its public file."""
    from recore.dataset.sample_files import PRIVATE_SHARE, Plan, make_sample

    plan = Plan(rows=round(rows / (1 - PRIVATE_SHARE)), holes=max(24, rows // 50), channels=CHANNELS, missing=0)
    return next(iter(make_sample(folder, plan)))


def commands(folder: Path, data: Path) -> dict[str, dict[str, list[object]]]:
    """Return the commands by step and version. Each version reads its own model; both score the same predictions."""
    base, own = (folder / version for version in VERSIONS)
    base.mkdir()
    predicted, model = own / "public.csv.out", ("--model_dir", own)
    return {
        "preprocess": {
            "plain": [HERE / "plain/preprocess.py", data, base / "public.csv"],
            "ours": [ROOT / "preprocess.py", "--input", data, "--output", own / "public.csv"],
        },
        "train": {
            "plain": [HERE / "plain/train.py", data, base / "model.pkl"],
            "ours": [ROOT / "train.py", "--data_dir", data.parent, *model],
        },
        "predict": {
            "plain": [HERE / "plain/predict.py", base / "model.pkl", data, base / "public.csv.out"],
            "ours": [ROOT / "predict.py", *model, "--input", data, "--output", predicted],
        },
        "score": {
            "plain": [HERE / "plain/score.py", data, predicted],
            "ours": [ROOT / "score.py", "--actual", data, "--predicted", predicted, "--output", own / "public.txt"],
        },
    }


def measure(command: list[object]) -> tuple[float, float, float]:
    """Run a command, and return its elapsed seconds, CPU seconds and peak MiB. Raises RuntimeError if it fails."""
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, *map(str, command)], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command[:2]} exited with {process.returncode}")
    seconds = time.perf_counter() - start
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def call_in_new_process(function: Any, *arguments: object) -> Any:
    """Call a function in a new process. Keep this process small: its size counts towards its children's peak memory."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def time_fit(data: Path, missing: float) -> float:
    """Return the CPU seconds of a fit. missing: the fraction of the assays to remove."""
    sys.path.insert(0, str(ROOT))
    import numpy as np
    import train

    inputs, targets, holes = train.read(str(data))
    targets = targets.where(np.random.default_rng(0).random(targets.shape) >= missing)
    start = time.process_time()
    train.fit(inputs, targets, holes)
    return time.process_time() - start


def compare(rows: int, repeats: int) -> Iterator[list[object]]:
    """Measure with one data size, and yield a table row for each step, for all four steps, and for each fit."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = call_in_new_process(make_data, folder, rows)
        steps = []
        for step, versions in commands(folder, data).items():
            # (repeats, versions, quantities), versions in turns
            runs = [[measure(versions[version]) for version in VERSIONS] for _ in range(repeats)]
            steps.append(
                [
                    [statistics.median(each) for each in zip(*version, strict=True)]
                    for version in zip(*runs, strict=True)
                ]
            )
            yield [f"{rows:,}", step, *format_cells(steps[-1])]
        totals = [
            [
                sum(step[version][0] for step in steps),
                sum(step[version][1] for step in steps),
                max(step[version][2] for step in steps),
            ]
            for version in range(len(VERSIONS))
        ]
        yield [f"{rows:,}", "all four", *format_cells(totals)]
        for missing in (0.0, MISSING):
            seconds = statistics.median(call_in_new_process(time_fit, data, missing) for _ in range(repeats))
            yield [f"{rows:,}", f"one fit, {missing:.0%} missing", "", "", "", "", f"{seconds:.2f}", "", ""]


def format_cells(versions: list[list[float]]) -> list[str]:
    """Return table cells with each version's seconds, CPU seconds and MiB, and the ratio of the seconds."""
    seconds, cpu, memory = zip(*versions, strict=True)
    return [f"{each:.2f}" for each in (*seconds, seconds[0] / seconds[1], *cpu)] + [f"{each:.0f}" for each in memory]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[1344, 3000])
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    seconds, cpu, memory = ([f"{version}, {unit}" for version in VERSIONS] for unit in ("s", "CPU s", "MiB"))
    titles = ["rows", "step", *seconds, "plain / ours", *cpu, *memory]
    print(f"| {' | '.join(titles)} |\n{'|---' * len(titles)}|")
    for rows in arguments.rows:
        for cells in compare(rows, arguments.repeats):
            print(f"| {' | '.join(map(str, cells))} |", flush=True)


if __name__ == "__main__":
    os.environ |= ONE_THREAD
    main()
