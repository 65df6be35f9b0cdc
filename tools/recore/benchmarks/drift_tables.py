"""The tables that the benchmark of drift prints."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from benchmarks.drift_data import LARGER
from recore.production.monitoring import FALSE_ALARMS

Row = dict[str, Any]  # of a table, and of the JSON file


def show_landscapes(rows: list[Row]) -> None:
    stated = f"{100 * FALSE_ALARMS:.0f} %"
    titles = ["left out", "soils", "found", "after soils", "false alarms, %", f"{stated} in the interval or above it"]
    print_table(titles, (landscape_cells(row) for row in rows))


def landscape_cells(row: Row) -> list[object]:
    found = f"{sum(each is not None for each in row['after'])} of {len(row['after'])}"
    rate = f"{100 * row['rate']:.1f} [{100 * row['low']:.1f}, {100 * row['high']:.1f}]"
    return [
        row["name"],
        row["soils"],
        found,
        describe_numbers(row["after"]),
        rate,
        "yes" if row["low"] <= FALSE_ALARMS else "no",
    ]


def show_errors(title: str, rows: list[Row]) -> None:
    titles = [title, "samples", "outside", "error outside / inside", "rank correlation of distance and error"]
    print_table(titles, (error_cells(row) for row in rows))


def error_cells(row: Row) -> list[object]:
    ratio = "-" if row["ratio"] is None else f"{row['ratio']:.2f}"
    correlation = f"{row['correlation']:.2f} [{row['low']:.2f}, {row['high']:.2f}]"
    return [row["name"], row["samples"], row["outside"], ratio, correlation]


def show_rocks(rows: list[Row]) -> None:
    titles = ["foreign rock", "errors / after a training with it", "of the samples, %", "drift found", "in week"]
    print_table(titles, (rock_cells(row, traffic) for row in rows for traffic in row["traffic"]))


def rock_cells(row: Row, traffic: Row) -> list[object]:
    share = f"{100 * traffic['share']:.0f}"
    return [row["name"], f"{row['growth']:.2f}", share, describe_found(traffic), describe_numbers(traffic["weeks"])]


def show_baselines(rows: list[Row]) -> None:
    titles = [
        "baseline",
        "drift found",
        "in week",
        f"errors +{100 * LARGER - 100:.0f} % in week",
        "earlier, same week, later",
    ]
    print_table(titles, (baseline_cells(row) for row in rows))


def baseline_cells(row: Row) -> list[object]:
    counts = ", ".join(str(row[name]) for name in ("earlier", "same_week", "later"))
    return [
        row["name"],
        describe_found(row),
        describe_numbers(row["weeks"]),
        describe_numbers(row["errors_weeks"]),
        counts,
    ]


def describe_found(row: Row) -> str:
    return f"{sum(week is not None for week in row['weeks'])} of {len(row['weeks'])} in {row['last_week']} weeks"


def describe_numbers(numbers: list[int | None]) -> str:
    """The median and the range of the numbers that are known."""
    known = [number for number in numbers if number is not None]
    return f"{np.median(known):g} ({min(known)} to {max(known)})" if known else "-"


def print_table(titles: Sequence[str], rows: Iterator[list[object]]) -> None:
    print(f"\n| {' | '.join(titles)} |")
    print("|---" * len(titles) + "|")
    for cells in rows:
        print(f"| {' | '.join(map(str, cells))} |", flush=True)
