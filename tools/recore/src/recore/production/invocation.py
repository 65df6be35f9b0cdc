"""Send the samples in a data file to the endpoint, one per request."""

import csv
import io
import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from recore.challenge import challenge
from recore.data_file import open_data
from recore.production.batch_transform import read_served_columns, require_columns
from recore.production.client_spectra import find_unmonitored
from recore.production.data_capture import is_header_value
from recore.production.endpoints import require_endpoint
from recore.production.project import MAX_INFERENCE_ID_LENGTH, ProductionProject, WorkFailedError
from recore.thread_pool import ThreadPool

CONCURRENCY, BATCH = 4, 100  # number of concurrent requests


@dataclass(frozen=True)
class SampleResponse:
    """The response to one sample. problem: the model's error message, if there is no prediction."""

    index: str
    variant: str
    prediction: dict[str, Any]
    problem: str = ""


def invoke_file(
    project: ProductionProject, file: Path, rows: int | None, variant: str | None, advance: Callable[[int], None]
) -> Iterator[SampleResponse]:
    """Send the first `rows` rows of a data file to the endpoint (None: all), and yield the responses in order.

    advance: called with the number of responses. Raises ValueError or OSError if the file cannot be read, or
    WorkFailedError if a request fails for any reason other than a model error.
    """
    with open_data(file) as data:
        require_columns(data, read_served_columns(project))
    number = 0
    with ThreadPool(CONCURRENCY) as pool:
        for samples in itertools.batched(_read_samples(file, rows), BATCH):  # map() would read the entire file at once
            for response in pool.map(lambda sample: _send(project, variant, *sample), samples):
                number += 1
                advance(number)
                yield response


def suggest_after_invoke(project: ProductionProject) -> str:
    """Return the command to suggest after requests, or "" if the served version cannot be monitored."""
    versions = [variant["version"] for variant in require_endpoint(project)["variants"]]
    if len(versions) > 1:
        return "compare --assays FILE"
    return "" if find_unmonitored(project, versions) else "monitor"


def count_rows(file: Path) -> int:
    with open_data(file) as data:
        return sum(1 for _ in data.rows()) - 1


def _send(project: ProductionProject, variant: str | None, index: str, body: str) -> SampleResponse:
    members = {"TargetVariant": variant} if variant else {}
    if is_header_value(index) and 0 < len(index) <= MAX_INFERENCE_ID_LENGTH:
        members["InferenceId"] = index
    try:
        response = project.services.runtime.invoke_endpoint(
            EndpointName=project.settings.endpoint_name,
            ContentType="text/csv",
            Accept="application/json",
            Body=body.encode(),
            **members,
        )
    except ClientError as error:
        reason = error.response.get("OriginalMessage") or error.response["Error"].get("Message") or str(error)
        line = f"row {index}: {reason.splitlines()[0]}"
        if error.response["Error"]["Code"] != "ModelError":
            raise WorkFailedError(line) from None
        return SampleResponse(index, "", {}, line)
    try:
        [prediction] = json.loads(response["Body"].read())["predictions"]
    except (ValueError, LookupError, TypeError, RecursionError):
        raise WorkFailedError(f"row {index}: the endpoint's response is not a prediction in JSON") from None
    return SampleResponse(index, response["InvokedProductionVariant"], prediction)


def _read_samples(file: Path, rows: int | None) -> Iterator[tuple[str, str]]:
    with open_data(file) as data:
        table = data.rows()
        header = next(table)
        columns = [i for i, name in enumerate(header) if not i or name not in challenge().targets]
        for row in itertools.islice(table, rows):
            body = io.StringIO()
            csv.writer(body, lineterminator="\n").writerows([each[i] for i in columns] for each in (header, row))
            yield row[0], body.getvalue()
