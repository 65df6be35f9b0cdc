"""How many mistakes `recore check` finds: mutants of a good submission, run on the pipeline and checked.

    python tools/recore/benchmarks/check_mutants.py [--count N] [--name TEXT] [--results FILE] [--out FILE]

Prints a table: each mutant, what the four steps make of it, and the rules that found something. The effect is measured,
not taken from the rules. All mutants take about an hour on two cores.
"""

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.mutants.catalogue import MUTANTS
from benchmarks.mutants.editing import Mutant
from benchmarks.mutants.measuring import Measured, measure_all
from benchmarks.mutants.reporting import read_results, to_line, to_text
from recore.dataset.sample_files import SAMPLE_FILES, Plan, make_sample
from recore.evaluation.data import DataFiles
from stagemaker.server import Simulator

SAMPLE = Plan(rows=120, holes=8, channels=60)
SEED = 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=len(MUTANTS), help="a random sample of this many, the same always")
    parser.add_argument("--name", default="", help="only those whose name contains this text")
    parser.add_argument("--results", type=Path, help="keep results in this file; those in it are not measured again")
    parser.add_argument("--out", type=Path, help="write the table to this file instead of standard output")
    arguments = parser.parse_args()
    mutants = [each for each in choose(arguments.count) if arguments.name in each.name]
    earlier = read_results(arguments.results)
    measured = list(earlier.values())
    measured += measure([each for each in mutants if each.name not in earlier], arguments.results)
    places = {mutant.name: place for place, mutant in enumerate(MUTANTS)}
    text = to_text(
        sorted(measured, key=lambda each: places[each.mutant.name]), f"{SAMPLE.rows} rows, {SAMPLE.channels}"
    )
    if arguments.out:
        arguments.out.write_text(text, "utf-8")
    else:
        print(text, end="")


def choose(count: int) -> list[Mutant]:
    """Return a random sample; a smaller sample is the beginning of a larger one."""
    mutants = list(MUTANTS)
    random.Random(SEED).shuffle(mutants)
    return mutants[:count]


def measure(mutants: list[Mutant], results: Path | None) -> list[Measured]:
    """Measure mutants, show each on standard error, and add it to the file of results."""
    measured, began = [], time.monotonic()
    if not mutants:
        return measured
    with tempfile.TemporaryDirectory() as folder, Simulator() as simulator:
        make_sample(Path(folder), SAMPLE)
        for each in measure_all(mutants, DataFiles(*(Path(folder, file) for file in SAMPLE_FILES)), simulator):
            measured.append(each)
            print(f"{time.monotonic() - began:6.0f} s  {to_line(each)}", file=sys.stderr, flush=True)
            if results:
                with open(results, "a", encoding="utf-8") as file:
                    file.write(to_line(each) + "\n")
    return measured


if __name__ == "__main__":
    main()
