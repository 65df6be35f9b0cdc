"""Collects the predictions of assayed samples by all variants of the endpoint.

The captured inputs of clients are sent again, to the variants that have not predicted them, so that all errors can be
compared on the same samples.
"""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime

from botocore.exceptions import ClientError

from recore.listing import count
from recore.production.arrived_assays import Assays, describe_key
from recore.production.captured import Body, CaptureEvent, read_events
from recore.production.endpoints import find_existing, read_variants, require_in_service
from recore.production.joining import JoinedSamples, make_inference_id
from recore.production.project import ProductionError, ProductionProject, Watch
from recore.text import plain


@dataclass(frozen=True)
class ComparedEndpoint:
    """An endpoint with several variants. versions: of them, the largest weight first. since: its last change."""

    name: str
    versions: dict[str, int]
    destination: str
    since: datetime


@dataclass(frozen=True)
class CollectedPredictions:
    """requests: which each variant has not received. failed: which it failed. reasons: one of each variant."""

    joined: JoinedSamples
    requests: dict[str, int]
    failed: Counter[str]
    reasons: dict[str, str]


def read_compared_endpoint(project: ProductionProject) -> ComparedEndpoint:
    """Describe the endpoint. Raises ProductionError unless it can be compared."""
    described = find_existing(project)
    require_in_service(project, described)
    name = described["EndpointName"]
    variants = {each.name: each.version for each in read_variants(project, described["EndpointConfigName"])}
    if len(variants) < 2:
        raise ProductionError(f"{name} has {count(len(variants), 'variant')}: a comparison needs at least two")
    capture = described.get("DataCaptureConfig", {})
    if not capture.get("DestinationS3Uri") or capture.get("CaptureStatus") == "Stopped":
        raise ProductionError(f"{name} has no data capture: only captured predictions can be compared with assays")
    weights = {each["VariantName"]: each.get("CurrentWeight", 0.0) for each in described["ProductionVariants"]}
    ordered = sorted(variants, key=lambda variant: (-weights[variant], variant))
    versions = {variant: variants[variant] for variant in ordered}
    return ComparedEndpoint(name, versions, capture["DestinationS3Uri"], described["LastModifiedTime"])


def collect_predictions(
    project: ProductionProject, endpoint: ComparedEndpoint, assays: Assays, send_requests: bool, watch: Watch
) -> CollectedPredictions:
    """Join the assays to captured predictions, and ask for the missing ones. Raises ProductionError."""
    joined = JoinedSamples(assays, endpoint.versions)
    watch("reading captured requests", 0, 1)
    place = (endpoint.destination, endpoint.name, endpoint.versions, endpoint.since)
    for event in read_events(project.s3, *place, joined.left_out):
        joined.add(event)
    if not joined.rows:
        raise ProductionError(_explain_none_joined(assays, endpoint, joined))
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
        **{member: text for member, text in types.items() if text},
    )
    output = Body(response["Body"].read(), response.get("ContentType") or "")
    return replace(event, variant=variant, inference_id=inference_id, output=output)


def _explain_none_joined(assays: Assays, endpoint: ComparedEndpoint, joined: JoinedSamples) -> str:
    since = f"{endpoint.since:%Y-%m-%d %H:%M %Z}, when the endpoint last changed"
    reasons = "".join(f"; left out {number:,}: {reason}" for reason, number in joined.left_out.most_common(2))
    if joined.other_sample:
        return (
            f"{assays.path}: assays of other samples: none of them was predicted since {since}; the file has "
            f"{describe_key(next(iter(assays.rows)))}, the endpoint predicted {joined.other_sample}{reasons}"
        )
    return f"{endpoint.name} captured no predictions with {assays.joined_by} since {since}{reasons}"
