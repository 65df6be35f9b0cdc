"""Time and peak memory of the four steps, ours against plain pandas, on the same file and in one run.

    python benchmarks/steps.py --rows 4000 20000 --repeats 3

Whole processes are measured, start and imports included, ours and plain in turn. Seconds and MiB are medians;
compare the ratios, for machines differ.
"""

import argparse
import gzip
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from recore.dataset.sample import FILES, Plan, make_sample

PLAIN = ROOT / "benchmarks/plain"


def make_data(folder: Path, rows: int) -> Path:
    """A public data file of exactly so many rows."""
    make_sample(folder, Plan(rows=int(1.8 * rows), holes=max(20, rows // 200)))
    path = folder / "data/public.csv.gz"
    path.parent.mkdir()
    with gzip.open(folder / FILES[0], "rb") as source, gzip.open(path, "wb", compresslevel=6) as target:
        target.writelines(itertools.islice(source, rows + 1))
    return path


def commands(folder: Path, data: Path) -> dict[str, tuple[list[object], list[object]]]:
    """By step: our command and the plain one. Each writes to files of its own."""
    ours, plain = folder / "ours", folder / "plain"
    for path in (ours, plain):
        path.mkdir()
    model, predicted = ("--model_dir", ours), ours / "public.csv.out"
    return {
        "preprocess": (
            [ROOT / "preprocess.py", "--input", data, "--output", ours / "public.csv"],
            [PLAIN / "preprocess.py", data, plain / "public.csv"],
        ),
        "train": (
            [ROOT / "train.py", "--data_dir", data.parent, *model],
            [PLAIN / "train.py", data, plain / "model.pkl"],
        ),
        "predict": (
            [ROOT / "predict.py", *model, "--input", data, "--output", predicted],
            [PLAIN / "predict.py", plain / "model.pkl", data, plain / "public.csv.out"],
        ),
        "score": (
            [ROOT / "score.py", "--actual", data, "--predicted", predicted, "--output", ours / "public.txt"],
            [PLAIN / "score.py", data, plain / "public.csv.out"],
        ),
    }


def measure(command: list[object]) -> tuple[float, float]:
    """Run it; wall seconds and peak MiB of the process. Raises where it fails."""
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, *map(str, command)], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command[0]} ended with {process.returncode}")
    return time.perf_counter() - started, usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[4000, 20_000])
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    print("| rows | step | ours, s | plain, s | ratio | ours, MiB | plain, MiB | ratio |")
    print("|---|---|---|---|---|---|---|---|")
    for rows in arguments.rows:
        with tempfile.TemporaryDirectory() as folder:
            print(f"making {rows} rows", file=sys.stderr, flush=True)
            data = make_data(Path(folder), rows)
            for step, pair in commands(Path(folder), data).items():
                runs = [[measure(command) for command in pair] for _ in range(arguments.repeats)]
                cells = [str(rows), step]
                for quantity, form in ((0, "{:.2f}"), (1, "{:.0f}")):
                    ours, plain = (statistics.median(run[side][quantity] for run in runs) for side in (0, 1))
                    cells += [form.format(ours), form.format(plain), f"{ours / plain:.2f}"]
                print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
