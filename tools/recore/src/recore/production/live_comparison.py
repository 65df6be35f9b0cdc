"""Compares the variants of the endpoint, by assays of samples that they predicted for clients."""

import json
import runpy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from recore.atomic import replaced
from recore.distribution import TEMPLATE
from recore.listing import count
from recore.production.arrived_assays import read_assays
from recore.production.collecting import CollectedPredictions, collect_predictions, read_compared_endpoint
from recore.production.next_command import after_comparison
from recore.production.paired_comparison import Comparison, compare_variants
from recore.production.project import Outcome, ProductionError, ProductionProject, Watch, WorkFailedError
from recore.production.verdicts import describe_comparison, find_winner
from recore.schema import TARGETS


def compare_endpoint(
    project: ProductionProject,
    file: Path,
    watch: Watch,
    *,
    difference: float,
    confidence: float,
    send_requests: bool,
    out: Path | None,
) -> Outcome:
    """Compare the other variants with the one that has the largest weight, by the assays in a file.

    difference: of RMSE, relative, that is worth finding. confidence: of all intervals together. send_requests: whether
    captured inputs are sent again. out: for a CSV of all targets. Raises ProductionError or OSError if there is nothing
    to compare, WorkFailedError if variants fail.
    """
    assays, endpoint = read_assays(file), read_compared_endpoint(project)
    collected = collect_predictions(project, endpoint, assays, send_requests, watch)
    joined, rows = collected.joined, collected.joined.rows
    predictions = {name: values[rows] for name, values in joined.predictions.items()}
    holes = np.array([joined.holes[row] for row in rows])
    weights = read_weights()
    comparisons = compare_variants(
        assays.values[rows],
        predictions,
        holes if any(holes) else None,  # samples of unknown holes count as one hole
        weights,
        difference,
        confidence,
    )
    if not any(each.samples.any() for each in comparisons):
        raise _explain_none_common(file, collected, send_requests)
    table = pd.concat([each.table() for each in comparisons], ignore_index=True)
    if out:
        with replaced(out) as [part]:
            table.to_csv(part, index=False)
    winner = find_winner(comparisons)
    details = {
        "joined_by": assays.joined_by,
        "samples": len(rows),
        "client_samples": joined.traffic,
        "requests": collected.requests,
        "failed": collected.failed,
        "left_out": joined.left_out,
        "by_hole": comparisons[0].by_hole,
        "better": winner,
        "scores": _as_records(_tabulate_scores(comparisons)),
        "targets": _as_records(table),
    }
    lines = [
        f"{endpoint.name}: joined {len(rows):,} of {count(len(assays.values), 'assayed sample')} by {assays.joined_by}",
        *_describe_collected(collected, send_requests),
        *(line for each in comparisons for line in describe_comparison(each, weights)),
    ]
    # Verdicts on samples of unknown holes are too certain, and a variant that fails requests should not replace others.
    is_certain = winner and comparisons[0].by_hole and not collected.failed[winner]
    changed = send_requests and any(collected.requests.values())
    better = endpoint.versions[winner] if winner and is_certain else None
    return Outcome(lines, details, after_comparison(better), changed)


def read_weights() -> Any:
    """The weights of the targets in the score (49,), from the host's score.py."""
    host = runpy.run_path(str(TEMPLATE / "score.py"))
    weights = dict(zip(host["TARGETS"], host["WEIGHTS"], strict=True))
    return np.array([weights[name] for name in TARGETS])


def _explain_none_common(file: Path, collected: CollectedPredictions, send_requests: bool) -> Exception:
    if collected.failed:
        return WorkFailedError("; ".join(_describe_failures(collected)))
    if not send_requests:
        remedy = "leave out --no-requests, so that they are asked for them"
    elif not any(collected.requests.values()):
        remedy = "the inputs were not captured, so that the other variants cannot be asked for them"
    else:
        remedy = "their predictions are empty for all targets that were assayed"
    return ProductionError(f"{file}: two variants predicted none of the assayed samples in common: {remedy}")


def _describe_collected(collected: CollectedPredictions, send_requests: bool) -> list[str]:
    def join(numbers: Mapping[str, int]) -> str:
        return ", ".join(f"{name} {number:,}" for name, number in numbers.items())

    lines = [f"samples that each variant predicted for clients: {join(collected.joined.traffic)}"]
    if any(collected.requests.values()):
        verb = "sent again" if send_requests else "not sent again because of --no-requests"
        lines.append(f"captured requests {verb}, by variant: {join(collected.requests)}")
    left_out = collected.joined.left_out.items()
    return [*lines, *_describe_failures(collected), *(f"left out {number:,}: {reason}" for reason, number in left_out)]


def _describe_failures(collected: CollectedPredictions) -> list[str]:
    return [
        f"{name} failed {count(number, 'captured request')}, for example: {collected.reasons[name]}"
        for name, number in collected.failed.items()
    ]


def _tabulate_scores(comparisons: Sequence[Comparison]) -> pd.DataFrame:
    columns = ("first", "second", "score first", "score second", "low", "high", "better")
    rows = [
        (each.first, each.second, *each.scores, each.score_low, each.score_high, each.better_score)
        for each in comparisons
    ]
    return pd.DataFrame(rows, columns=columns)


def _as_records(table: pd.DataFrame) -> Any:
    return json.loads(table.to_json(orient="records"))
