"""Our model's accuracy against the field's usual methods, on any data in the challenge's schema.

Example:
    python tools/benchmarks/accuracy.py --public public.csv.gz --private private.csv.gz --actual actual.csv.gz
    python tools/benchmarks/accuracy.py --data soils soils.csv.gz --data core public.csv.gz private.csv.gz actual.csv.gz

Without files the benchmark uses 300 rows of the sample below data/, which is made if it is missing, and one repeat.

A score is the mean of the targets' R2, weighted as in the challenge, over the targets that the files have. R2 of a
target is computed on its measured rows, pooled over the folds. The columns differ in the rows that are held out and
predicted:
    by site             each site in turn; with more than ten sites a fifth of them in turn
    shuffled            a fifth of the rows in turn
    public to private   the private rows, by a model of the public ones
Methods choose their parameters within the training rows. Each repeat shuffles again; the number after +- is the
standard deviation of the repeats' scores. Differences have the 95 % interval of a paired bootstrap over the held-out
rows. The method `mean` predicts the mean of the training rows; the mean of the held-out rows would score 0.

The last line compares ours with the single peer that has the best mean score over all data sets and columns. --groups 2
compares each data set a second time, with only its two largest public groups (sites, drill holes).
"""

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

import preprocess
import score
from challenge.files import atomic_output

from recore.dataset.sample_files import SAMPLE_FILES, Plan, make_sample

if TYPE_CHECKING:
    from benchmarks.comparison.data import Data
    from benchmarks.comparison.folds import Column, Outcome

DATA = ROOT / "data"


def main() -> None:
    arguments = parse()
    results, draws = [], []
    for name, data, result in data_sets(arguments):
        comparison, column_draws = compare(data, arguments, seed=arguments.seed + 1000 * len(results))
        results.append(result | comparison)
        draws.append(column_draws)
        if len(arguments.data) > 1 or arguments.groups:
            print(f"\n## {name}\n")
        show(results[-1], arguments.targets)
        sys.stdout.flush()  # the next data set may take long, and the output may go to a file
    result = results[0] if len(results) == 1 else {"data_sets": results}
    if best := best_peer(results, draws):
        result["best_peer"] = best
        show_best(best)
    if arguments.json:
        with atomic_output(str(arguments.json)) as part:
            Path(part).write_text(json.dumps(result, indent=1), "utf-8")


def data_sets(arguments: argparse.Namespace) -> "list[tuple[str, Data, dict[str, Any]]]":
    """Return the name, the data and the JSON file's first members of each data set that the arguments name.

    All files are read before anything is fitted, so that an invalid one is reported immediately.
    """
    from benchmarks.comparison.data import read

    data_sets = []
    for name, *files in arguments.data or [["sample", *filter(None, sample())]]:
        data = read(*files)
        result = {"name": name, "files": [str(path) for path in files], "rows_of_files": len(data)}
        if arguments.rows and arguments.rows < len(data):
            rows = np.random.default_rng(arguments.seed).choice(len(data), arguments.rows, replace=False)
            data = data.take(np.sort(rows))
        data_sets.append((name, data, result))
        if arguments.groups:
            name = f"{name}, {arguments.groups} groups"
            data_sets.append((name, data.with_largest_groups(arguments.groups), result | {"name": name}))
    return data_sets


def parse() -> argparse.Namespace:
    """Parse the arguments; invalid ones end the program with exit status 2."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--public", type=Path, metavar="FILE", help="data file with assays")
    parser.add_argument("--private", type=Path, metavar="FILE", help="data file without; needs --actual")
    parser.add_argument("--actual", type=Path, metavar="FILE", help="the assays of the private file's rows")
    parser.add_argument(
        "--data",
        nargs="+",
        action="append",
        default=[],
        metavar=("NAME PUBLIC", "PRIVATE ACTUAL"),
        help="a data set: its name, its public file and, if any, its private file and that file's assays; repeatable",
    )
    parser.add_argument(
        "--groups",
        type=at_least(2),
        help="compare each data set again with only so many of its public groups, the largest",
    )
    parser.add_argument(
        "--rows", type=at_least(20), help="a random sample of so many rows (without files 300, else all)"
    )
    parser.add_argument(
        "--repeats", type=at_least(1), help="how often shuffled folds are drawn (without files 1, else 5)"
    )
    parser.add_argument(
        "--seed",
        type=at_least(0),
        default=0,
        help="seed of the first repeat; the next have the next numbers (%(default)s)",
    )
    parser.add_argument("--models", help="only these methods, separated by commas: ours,randomnumbers,pls")
    parser.add_argument("--jobs", type=at_least(1), default=os.cpu_count(), help="parallel fits (%(default)s)")
    parser.add_argument("--targets", action="store_true", help="also print each target's R2")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write all numbers to this file, including those of each target"
    )
    arguments = parser.parse_args()
    if any(len(words) not in (2, 4) for words in arguments.data):
        parser.error("--data takes NAME PUBLIC or NAME PUBLIC PRIVATE ACTUAL")
    arguments.data = [[name, *map(Path, files)] for name, *files in arguments.data]
    if arguments.public:
        files = filter(None, (arguments.public, arguments.private, arguments.actual))
        arguments.data.insert(0, [arguments.public.name, *files])
    names = [name for name, *_ in arguments.data]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        parser.error(f"--data: two data sets are named {repeated[0]!r}")
    rows, repeats = (None, 5) if arguments.data else (300, 1)
    arguments.rows = rows if arguments.rows is None else arguments.rows
    arguments.repeats = repeats if arguments.repeats is None else arguments.repeats
    if bool(arguments.private) != bool(arguments.actual) or (arguments.private and not arguments.public):
        parser.error("--private and --actual go together, beside --public")
    from benchmarks.comparison.methods import METHODS

    arguments.models = list(dict.fromkeys(arguments.models.split(","))) if arguments.models else METHODS
    if unknown := [name for name in arguments.models if name not in METHODS]:
        parser.error(f"no model {unknown[0]!r}: there are {', '.join(METHODS)}")
    return arguments


def at_least(least: int) -> Callable[[str], int]:
    """Return an argparse type for whole numbers that are at least `least`."""

    def whole_number(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number, at least {least}")
        return int(text)

    return whole_number


def sample() -> tuple[Path, Path | None, Path | None]:
    """Return the files of `recore sample --out data`, made if missing; the private ones only if both are there."""
    public, private, actual = (DATA / name for name in SAMPLE_FILES)
    if not public.exists():
        plan = Plan()
        with progress("making the sample", plan.rows) as advance:
            make_sample(DATA, plan, advance=advance)
    return (public, private, actual) if private.exists() and actual.exists() else (public, None, None)


@contextlib.contextmanager
def progress(task_name: str, total: int) -> Iterator[Callable[[int], None]]:
    """Yield a function that advances a progress bar, which is shown on a terminal only."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    parts = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*parts, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task(task_name, total=total)
        yield lambda done: bar.advance(task, done)


def compare(data: "Data", arguments: argparse.Namespace, seed: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the numbers of the tables, as in the JSON file, and the bootstrap's draws by column and method."""
    from benchmarks.comparison.folds import columns_of, fits_of, run

    columns = columns_of(data, arguments.repeats, arguments.seed)
    with progress("fitting", fits_of(columns, arguments.models)) as advance:
        outcomes = run(data, columns, arguments.models, arguments.jobs, advance)
    columns = [column for column in columns if scored(outcomes[column.name])]
    if not columns:
        raise preprocess.DataError("no target has enough measured rows: see tools/docs/benchmarks.md")
    measured = dict(zip(score.TARGETS, (~np.isnan(data.targets)).sum(axis=0).tolist(), strict=True))
    summaries, draws = zip(*(summarise(column, outcomes[column.name], seed) for column in columns), strict=True)
    result = {
        "rows": len(data),
        "private_rows": int(data.private.sum()),
        "sites": len(np.unique(data.sites)),
        "channels": data.spectra.shape[1],
        "seed": arguments.seed,
        "measured": {name: rows for name, rows in measured.items() if rows},
        "columns": list(summaries),
    }
    return result, list(draws)


def best_peer(results: list[dict[str, Any]], draws: list[list[dict[str, Any]]]) -> dict[str, Any] | None:
    """Return the peer with the best mean score over all data sets and columns, and the mean difference of ours to it.

    results and draws: the two results of `compare` for each data set. Returns None if ours or every peer is missing.
    All columns have the same weight; data sets are resampled independently of each other.
    """
    from benchmarks.comparison.scoring import interval

    methods = [column["methods"] for result in results for column in result["columns"]]
    means = {name: float(np.mean([column[name]["score"] for column in methods])) for name in methods[0]}
    peers = [name for name in means if name != "ours"]
    if "ours" not in means or not peers:
        return None
    best = max(peers, key=means.__getitem__)
    low, high = interval(np.mean([column["ours"] - column[best] for each in draws for column in each], axis=0))
    return {
        "name": best,
        "columns": len(methods),
        "means": means,
        "ours_minus_this": {"difference": means["ours"] - means[best], "low": low, "high": high},
    }


def scored(outcome: "Outcome") -> bool:
    """Whether every repeat of a column has a target that can be scored."""
    return all((np.sum(~np.isnan(targets), axis=0) >= 2).any() for targets in outcome.targets)


def summarise(column: "Column", outcome: "Outcome", seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a column's scores, deviations, R2 by target and differences of ours to each peer; and all draws."""
    from benchmarks.comparison.scoring import bootstrap, interval, r2_by_target, weighted

    methods, draws = {}, {}
    for name, predicted in outcome.predicted.items():
        r2 = np.array([r2_by_target(*repeat) for repeat in zip(outcome.targets, predicted, strict=True)])
        scores = weighted(r2)
        by_target = dict(zip(score.TARGETS, r2.mean(axis=0).tolist(), strict=True))
        methods[name] = {
            "score": float(scores.mean()),
            "deviation": float(scores.std(ddof=1)) if len(scores) > 1 else None,
            "scores": scores.tolist(),
            "r2": {target: value for target, value in by_target.items() if not np.isnan(value)},
        }
        draws[name] = bootstrap(outcome.targets, predicted, column.strata, seed)
    for name in methods if "ours" in methods else ():
        if name != "ours":
            low, high = interval(draws["ours"] - draws[name])
            difference = methods["ours"]["score"] - methods[name]["score"]
            methods[name]["ours_minus_this"] = {"difference": difference, "low": low, "high": high}
    summary = {
        "name": column.name,
        "held_out": column.held_out,
        "drawn": column.drawn,
        "assays_scored": [int((~np.isnan(targets)).sum()) for targets in outcome.targets],
        "methods": methods,
    }
    return summary, draws


def show(result: dict[str, Any], targets: bool) -> None:
    """Print the tables."""
    columns = result["columns"]
    methods = list(columns[0]["methods"])
    rows = f"{result['rows']} of {result['rows_of_files']} rows"
    print(f"{rows} from {result['sites']} sites ({result['private_rows']} rows private);", end=" ")
    print(f"{result['channels']} channels, {len(result['measured'])} targets; seed {result['seed']}")
    for column in columns:
        print(f"- {column['name']}: held out is {column['held_out']}; the bootstrap draws {column['drawn']}")
    table("score", methods, columns, score_cell)
    if "ours" in methods and len(methods) > 1:
        table("ours minus", [name for name in methods if name != "ours"], columns, difference_cell)
    for column in columns if targets else ():
        print()
        print(f"| R2 {column['name']} | " + " | ".join(methods) + " |")
        print("|---" * (len(methods) + 1) + "|")
        for target in column["methods"][methods[0]]["r2"]:
            cells = [f"{column['methods'][name]['r2'][target]:.2f}" for name in methods]
            print(f"| {target} | {' | '.join(cells)} |")


def show_best(best: dict[str, Any]) -> None:
    """Print the mean scores over all data sets and columns, and ours against the best single peer."""
    print(f"\n| mean of {best['columns']} columns | score |\n|---|---|")
    for name, mean in best["means"].items():
        print(f"| {name} | {mean:.3f} |")
    print(f"| ours minus the best single peer, {best['name']} | {difference_cell(best)} |")


def table(corner: str, methods: list[str], columns: list[dict], cell: Callable[[dict], str]) -> None:
    print(f"\n| {corner} | " + " | ".join(column["name"] for column in columns) + " |")
    print("|---" * (len(columns) + 1) + "|")
    for name in methods:
        print(f"| {name} | {' | '.join(cell(column['methods'][name]) for column in columns)} |")


def score_cell(method: dict[str, Any]) -> str:
    spread = "" if method["deviation"] is None else f" +- {method['deviation']:.3f}"
    return f"{method['score']:.3f}{spread}"


def difference_cell(method: dict[str, Any]) -> str:
    difference = method["ours_minus_this"]
    return f"{difference['difference']:+.3f} [{difference['low']:+.3f}, {difference['high']:+.3f}]"


if __name__ == "__main__":
    try:
        main()
    except (preprocess.DataError, score.DataError, OSError, KeyboardInterrupt) as error:
        sys.exit(f"accuracy.py: {str(error) or 'interrupted'}")
