"""Compare the endpoint's variants, using measured assays of samples that they predicted for clients.

Captured requests are resent to the variants that did not receive them, so that errors are compared on the same samples.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from botocore.exceptions import ClientError

from recore.atomic import replace_paths
from recore.challenge import challenge
from recore.listing import count
from recore.production.arrived_assays import Assays, format_key, read_assays
from recore.production.comparison_text import find_winner, format_comparison
from recore.production.data_capture import Body, CaptureEvent, read_events
from recore.production.endpoints import find_existing, read_variants, require_in_service
from recore.production.joined_samples import JoinedSamples, make_inference_id
from recore.production.next_command import suggest_second_variant, suggest_update
from recore.production.paired_comparison import Comparison, compare_variants
from recore.production.project import Outcome, ProductionError, ProductionProject, Watch, WorkFailedError
from recore.production.versions import list_approvals
from recore.text import plain


@dataclass(frozen=True)
class ComparedEndpoint:
    """An endpoint with several variants. versions: by variant, heaviest first. since: the time of its last change."""

    name: str
    versions: dict[str, int]
    destination: str
    since: datetime


@dataclass(frozen=True)
class CollectedPredictions:
    """The joined samples; by variant, numbers of requests to resend and of failures, and the first failure's reason."""

    joined: JoinedSamples
    requests: dict[str, int]
    failed: Counter[str]
    reasons: dict[str, str]


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
    """Compare the variant that has the largest weight with each other variant, using the assays in a file.

    difference, confidence: as in `compare_variants`. send_requests: whether to resend captured requests. out: CSV file
    to write, with all targets. Raises ProductionError or OSError if there is nothing to compare, or WorkFailedError if
    that is because resent requests failed.
    """
    assays, endpoint = read_assays(file), read_compared_endpoint(project)
    collected = collect_predictions(project, endpoint, assays, send_requests, watch)
    samples, rows = collected.joined, collected.joined.rows
    predictions = {name: values[rows] for name, values in samples.predictions.items()}
    holes = np.array([samples.holes[row] for row in rows])
    weights = read_weights()
    comparisons = compare_variants(
        assays.values[rows],
        predictions,
        holes if any(holes) else None,  # samples from unknown holes count as one hole
        weights,
        difference,
        confidence,
    )
    if not any(each.samples.any() for each in comparisons):
        raise _no_common_samples_error(file, collected, send_requests)
    table = pd.concat([each.table() for each in comparisons], ignore_index=True)
    if out:
        with replace_paths(out) as [part]:
            table.to_csv(part, index=False)
    winner = find_winner(comparisons)
    details = {
        "joined_by": assays.joined_by,
        "samples": len(rows),
        "client_samples": samples.traffic,
        "requests": collected.requests,
        "failed": collected.failed,
        "left_out": samples.left_out,
        "by_hole": comparisons[0].by_hole,
        "better": winner,
        "scores": _to_records(_tabulate_scores(comparisons)),
        "targets": _to_records(table),
    }
    lines = [
        f"{endpoint.name}: joined {len(rows):,} of {count(len(assays.values), 'assayed sample')} by {assays.joined_by}",
        *_format_collected(collected, send_requests),
        *(line for each in comparisons for line in format_comparison(each, weights)),
    ]
    # Verdicts without known holes are too certain, and a variant that fails requests should not replace others.
    is_certain = winner and comparisons[0].by_hole and not collected.failed[winner]
    changed = send_requests and any(collected.requests.values())
    better_version = endpoint.versions[winner] if winner and is_certain else None
    return Outcome(lines, details, suggest_update(better_version), changed)


def read_compared_endpoint(project: ProductionProject) -> ComparedEndpoint:
    """Return the endpoint. Raises ProductionError if its variants cannot be compared."""
    endpoint = find_existing(project)
    require_in_service(project, endpoint)
    name = endpoint["EndpointName"]
    variants = {each.name: each.version for each in read_variants(project, endpoint["EndpointConfigName"])}
    if len(variants) < 2:
        problem = f"{name} has {count(len(variants), 'variant')}, but a comparison needs at least two"
        raise ProductionError(f"{problem}; {suggest_second_variant(list_approvals(project), *variants.items())}")
    capture = endpoint.get("DataCaptureConfig", {})
    if not capture.get("DestinationS3Uri") or capture.get("CaptureStatus") == "Stopped":
        raise ProductionError(f"{name} has no active data capture, and only captured predictions can be compared")
    weights = {each["VariantName"]: each.get("CurrentWeight", 0.0) for each in endpoint["ProductionVariants"]}
    ordered = sorted(variants, key=lambda variant: (-weights[variant], variant))
    versions = {variant: variants[variant] for variant in ordered}
    return ComparedEndpoint(name, versions, capture["DestinationS3Uri"], endpoint["LastModifiedTime"])


def collect_predictions(
    project: ProductionProject, endpoint: ComparedEndpoint, assays: Assays, send_requests: bool, watch: Watch
) -> CollectedPredictions:
    """Join the assays to captured predictions and, if `send_requests`, request missing ones. Raises ProductionError."""
    joined = JoinedSamples(assays, endpoint.versions)
    watch("reading captured requests", 0, 1)
    selection = (endpoint.destination, endpoint.name, endpoint.versions, endpoint.since)
    for event in read_events(project.s3, *selection, joined.left_out):
        joined.add(event)
    if not joined.rows:
        raise ProductionError(_format_none_joined(assays, endpoint, joined))
    missing = [(name, each) for name in endpoint.versions for each in joined.find_missing(name)]
    failed, reasons = Counter[str](), dict[str, str]()
    for number, (name, event) in enumerate(missing if send_requests else []):
        watch(f"sending {count(len(missing), 'captured request')} to the other variants", number, len(missing))
        try:
            joined.add(_resend(project, endpoint.name, event, name))
        except ClientError as error:
            if error.response["Error"]["Code"] != "ModelError":
                raise
            failed[name] += 1
            reason = error.response.get("OriginalMessage") or error.response["Error"]["Message"]
            reasons.setdefault(name, plain(reason.splitlines()[0], 300))
    requests = Counter(name for name, _ in missing)
    return CollectedPredictions(joined, {name: requests[name] for name in endpoint.versions}, failed, reasons)


def _resend(project: ProductionProject, endpoint: str, event: CaptureEvent, variant: str) -> CaptureEvent:
    inference_id = make_inference_id(event.inference_id or event.event_id)
    types = {"ContentType": event.input.content_type, "Accept": event.output.media_type}
    response = project.services.runtime.invoke_endpoint(
        EndpointName=endpoint,
        TargetVariant=variant,
        InferenceId=inference_id,
        Body=event.input.content,
        **{member: value for member, value in types.items() if value},
    )
    output = Body(response["Body"].read(), response.get("ContentType") or "")
    return replace(event, variant=variant, inference_id=inference_id, output=output)


def _format_none_joined(assays: Assays, endpoint: ComparedEndpoint, joined: JoinedSamples) -> str:
    since = f"{endpoint.since:%Y-%m-%d %H:%M %Z}, when the endpoint last changed"
    reasons = "".join(f"; excluded: {reason} ({number:,})" for reason, number in joined.left_out.most_common(2))
    if joined.other_sample:
        return (
            f"{assays.path}: none of these samples has been predicted since {since}; the file contains "
            f"{format_key(next(iter(assays.rows)))}, but the endpoint predicted {joined.other_sample}{reasons}"
        )
    return f"{endpoint.name} has captured no predictions with {assays.joined_by} since {since}{reasons}"


def read_weights() -> Any:
    """Return the targets' weights in the score, (targets,)."""
    return np.array([*challenge().weights.values()])


def _no_common_samples_error(file: Path, collected: CollectedPredictions, send_requests: bool) -> Exception:
    if collected.failed:
        return WorkFailedError("; ".join(_format_failures(collected)))
    if not send_requests:
        reason = "omit --no-requests to resend captured requests"
    elif not any(collected.requests.values()):
        reason = "the inputs were not captured, so they cannot be resent to the other variants"
    else:
        reason = "their predictions are empty for all assayed targets"
    return ProductionError(f"{file}: no two variants predicted the same assayed samples: {reason}")


def _format_collected(collected: CollectedPredictions, send_requests: bool) -> list[str]:
    def join(numbers: Mapping[str, int]) -> str:
        return ", ".join(f"{name} {number:,}" for name, number in numbers.items())

    lines = [f"samples that each variant predicted for clients: {join(collected.joined.traffic)}"]
    if any(collected.requests.values()):
        verb = "resent" if send_requests else "not resent because of --no-requests"
        lines.append(f"captured requests {verb}, by variant: {join(collected.requests)}")
    left_out = collected.joined.left_out.items()
    return [*lines, *_format_failures(collected), *(f"excluded: {reason} ({number:,})" for reason, number in left_out)]


def _format_failures(collected: CollectedPredictions) -> list[str]:
    return [
        f"{name} failed on {count(number, 'captured request')}, for example: {collected.reasons[name]}"
        for name, number in collected.failed.items()
    ]


def _tabulate_scores(comparisons: Sequence[Comparison]) -> pd.DataFrame:
    columns = ("first", "second", "score first", "score second", "low", "high", "better")
    rows = [
        (each.first, each.second, *each.scores, each.score_low, each.score_high, each.better_score)
        for each in comparisons
    ]
    return pd.DataFrame(rows, columns=columns)


def _to_records(table: pd.DataFrame) -> Any:
    return json.loads(table.to_json(orient="records"))
