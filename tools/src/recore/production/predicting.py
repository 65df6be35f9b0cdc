"""Predicts a data file of raw spectra in batch, with the predictions joined to the input."""

import csv
import io
import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from secrets import token_hex
from typing import Any

import pyarrow as pa
import pyarrow.csv

from recore.data_file import DataFile, open_data
from recore.evaluation import read_member
from recore.production.endpoints import require_endpoint
from recore.production.project import (
    NO_REASON,
    Outcome,
    ProductionError,
    ProductionProject,
    Watch,
    WorkFailedError,
    wait_for_end,
)
from recore.production.versions import Version, ensure_model, find_version
from recore.production.written_files import replace_file
from recore.schema import IDS, TARGETS

RUNNING = ("InProgress", "Stopping")
RECORD_NAME = "spectra.csv"
LARGEST_COLUMNS = 4 << 20  # bytes of channels.json
PAYLOAD_MB = 6  # of one request of lines


def predict_file(
    project: ProductionProject, file: Path, out: Path, number: int | None, spectra: bool, watch: Watch
) -> Outcome:
    """Predict the samples of a data file with a version, by default the latest approved one.

    `out` gets a header, and for each row of the file, in its order, the index, the IDs and the 49 assays; with spectra,
    the channels, too. watch: called with the job's status.

    Raises ValueError or OSError if the file does not fit the version, WorkFailedError if the job fails.
    """
    version = find_version(project, number, usable=True)
    columns = read_columns(project, version)
    used = [name for name in columns if name not in TARGETS]
    with tempfile.TemporaryDirectory(prefix="recore-predict-") as name:
        lines = Path(name, RECORD_NAME)
        rows = _write_lines(file, used, lines)
        folder = project.upload_file("transform/input", lines, RECORD_NAME)
    model = ensure_model(project, version)
    job = f"{model}-{token_hex(4)}"
    output = project.uri("transform/output", job)
    project.sagemaker.create_transform_job(**_request(project, model, job, folder, output))
    _wait(project, job, watch)
    joined = project.read(f"{output}/{RECORD_NAME}.out").decode()
    written = _write_joined(joined, used, out, spectra)
    if written != rows:
        raise WorkFailedError(f"the job {job} answered {written} of {rows} rows")
    line = f"{rows} rows of {file} predicted by version {version.number}: {out}"
    details = {
        "version": version.number,
        "rows": rows,
        "job": job,
        "output": f"{output}/{RECORD_NAME}.out",
        "out": str(out),
    }
    return Outcome([line], details)


def describe_batch_costs(project: ProductionProject) -> str:
    """A line that says which instances a batch starts."""
    settings = project.settings
    count, instance = settings.batch_transform_instance_count, settings.batch_transform_instance_type
    return f"{count} x {instance} until the batch is done; SageMaker has no time limit for it"


def read_columns(project: ProductionProject, version: Version) -> list[str]:
    """The columns of the data file that a version was trained on, in their order, from the features' archive."""
    archive = version.archives[0]
    with tempfile.TemporaryDirectory(prefix="recore-columns-") as name:
        packed = Path(name, "model.tar.gz")
        packed.write_bytes(project.read(archive))
        content = read_member(packed, "channels.json", LARGEST_COLUMNS)
    try:
        columns = json.loads(content or b"")["columns"]
    except (ValueError, KeyError, TypeError, RecursionError):
        columns = None
    if not isinstance(columns, list) or not columns or not all(isinstance(column, str) for column in columns):
        raise ProductionError(f"{archive}: its channels.json does not hold the names of columns")
    return columns


def read_served_columns(project: ProductionProject) -> list[str]:
    """The columns of the data file that the endpoint's first variant was trained on.

    Raises ProductionError if there is no endpoint.
    """
    return read_columns(project, find_version(project, require_endpoint(project)["variants"][0]["version"]))


def require_columns(file: DataFile, columns: Sequence[str]) -> None:
    """Raise ProductionError if a data file lacks a channel. columns: those that a version was trained on."""
    header = {*file.places, *IDS, *TARGETS}
    if missing := [name for name in columns[1:] if name not in header]:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise ProductionError(f"{file.path}: no column {missing[0]!r}{more}, which the version was trained on")


def _write_lines(file: Path, columns: Sequence[str], target: Path) -> int:
    """Write the rows of a data file as lines with these columns, the index first, without a header.

    Returns the number of rows. Cells are copied as text. Raises ValueError if a column is missing or unreadable.
    """
    with open_data(file) as data:
        require_columns(data, columns)
        places = {name: data.places[name] for name in columns[1:] if name in data.places}
        schema = pa.schema([(name, pa.string()) for name in ["index", *columns[1:]]])
        rows = 0
        with pa.csv.CSVWriter(target, schema, write_options=pa.csv.WriteOptions(include_header=False)) as writer:
            for batch in data.read_batches(dict.fromkeys([0, *places.values()], pa.string())):
                empty = pa.nulls(batch.num_rows, pa.string())
                cells = [batch[str(places[name])] if name in places else empty for name in columns[1:]]
                writer.write_batch(pa.RecordBatch.from_arrays([batch["0"], *cells], schema=schema))
                rows += batch.num_rows
    if not rows:
        raise ProductionError(f"{file}: a header but no rows")
    return rows


def _request(project: ProductionProject, model: str, job: str, source: str, output: str) -> dict[str, Any]:
    settings = project.settings
    return {
        "TransformJobName": job,
        "ModelName": model,
        "BatchStrategy": "MultiRecord",
        "MaxPayloadInMB": PAYLOAD_MB,
        "ModelClientConfig": {"InvocationsTimeoutInSeconds": 600, "InvocationsMaxRetries": 0},
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"{source}/{RECORD_NAME}"}},
            "ContentType": "text/csv",
            "SplitType": "Line",
        },
        "TransformOutput": {"S3OutputPath": output, "Accept": "text/csv", "AssembleWith": "Line"},
        "TransformResources": {
            "InstanceType": settings.batch_transform_instance_type,
            "InstanceCount": settings.batch_transform_instance_count,
        },
        "DataProcessing": {"JoinSource": "Input"},
    }


def _wait(project: ProductionProject, job: str, watch: Watch) -> None:
    """Wait for a job. Raises WorkFailedError if it fails. KeyboardInterrupt stops it."""

    def look() -> dict[str, Any]:
        described: dict[str, Any] = project.sagemaker.describe_transform_job(TransformJobName=job)
        watch(described["TransformJobStatus"])
        return described

    def stop() -> None:
        project.sagemaker.stop_transform_job(TransformJobName=job)

    ended = wait_for_end(look, "TransformJobStatus", RUNNING, stop)
    if ended["TransformJobStatus"] == "Stopped":
        raise WorkFailedError(f"the job {job} was stopped")
    if ended["TransformJobStatus"] == "Failed":
        raise WorkFailedError(f"the job {job} failed: {ended.get('FailureReason', NO_REASON)}")


def _write_joined(joined: str, columns: Sequence[str], target: Path, spectra: bool) -> int:
    """Write the job's output with a header. Returns the number of rows. Raises WorkFailedError for a broken line."""
    names = ["index", *columns[1:], *TARGETS]
    kept = [place for place, name in enumerate(names) if spectra or not place or name in IDS or name in TARGETS]
    rows = 0
    with replace_file(target) as part, open(part, "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow([names[place] for place in kept])
        for row in _read_rows(joined, len(names)):
            table.writerow([row[place] for place in kept])
            rows += 1
    return rows


def _read_rows(joined: str, width: int) -> Iterator[list[str]]:
    for number, row in enumerate(csv.reader(io.StringIO(joined)), 1):
        if len(row) != width:
            raise WorkFailedError(f"line {number} of the job's output has {len(row)} cells instead of {width}")
        yield row
