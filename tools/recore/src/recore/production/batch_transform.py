"""Predict a data file's rows with a batch transform job, which joins the predictions to the input."""

import csv
import io
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.csv

from recore.backends import Backend
from recore.challenge import challenge
from recore.data_file import DataFile, open_data
from recore.production.batch_predictions import PredictedSamples, write_table
from recore.production.containers.row_notes import BAD_ROWS_EMPTY
from recore.production.definition import containers
from recore.production.endpoints import require_endpoint
from recore.production.handover_files import ARCHIVE, CHANNELS, parse_columns, read_features_files
from recore.production.project import (
    NO_REASON,
    Outcome,
    ProductionError,
    ProductionProject,
    Watch,
    WorkFailedError,
    wait_for_end,
)
from recore.production.settings import Settings
from recore.production.versions import Version, ensure_model, find_version
from stagemaker import locked

RECORD_NAME = "spectra.csv"
CONTENT_TYPE = f"text/csv; {BAD_ROWS_EMPTY}"
ACCEPT = "text/csv; details=yes"  # a response type of the model container
PAYLOAD_MB = 6  # maximum size of a request
HANDOVER_MODEL = "recore-predict"  # name of the SageMaker model, which is not a version

if TYPE_CHECKING:
    from recore.production.archives import TrainedModel


def predict_file(
    project: ProductionProject,
    file: Path,
    out: Path,
    number: int | None,
    watch: Watch,
    *,
    intervals: bool,
    spectra: bool,
) -> tuple[Outcome, PredictedSamples]:
    """Predict a data file's rows with a version, by default the latest approved one, and write a table to `out`.

    intervals, spectra: as in `write_table`. Raises ValueError or OSError if the file is unsuitable, or WorkFailedError
    if the job fails.
    """
    version = find_version(project, number, usable=True)
    columns = read_columns(project, version)
    model = ensure_model(project, version)
    samples, job = run_batch(project, model, columns, file, out, watch, intervals=intervals, spectra=spectra)
    predicted = samples.rows - len(samples.problems)
    rows = f"{samples.rows} rows" if not samples.problems else f"{predicted} of {samples.rows} rows"
    lines = [f"version {version.number} predicted {rows} of {file}: {out}", samples.format_domain()]
    return Outcome(lines, {"version": version.number, **samples.describe(), **job, "out": str(out)}), samples


def run_batch(
    project: ProductionProject,
    model: str,
    columns: Sequence[str],
    file: Path,
    out: Path,
    watch: Watch,
    *,
    intervals: bool,
    spectra: bool = False,
) -> tuple[PredictedSamples, dict[str, str]]:
    """Predict a data file's rows with a two-container model. Return a summary, and the job's name and output URI.

    columns: the training file's columns. Raises the same errors as `predict_file`.
    """
    inputs = [name for name in columns if name not in challenge().targets]
    with locked.temporary_folder("recore-predict-") as name:
        lines = Path(name, RECORD_NAME)
        rows = _write_lines(file, inputs, lines)
        folder = project.upload_file("transform/input", lines, RECORD_NAME)
    job = f"{model}-{token_hex(4)}"
    output = project.uri("transform/output", job)
    settings = project.settings
    project.sagemaker.create_transform_job(
        TransformJobName=job,
        ModelName=model,
        BatchStrategy="MultiRecord",
        MaxPayloadInMB=PAYLOAD_MB,
        ModelClientConfig={"InvocationsTimeoutInSeconds": 600, "InvocationsMaxRetries": 0},
        TransformInput={
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"{folder}/{RECORD_NAME}"}},
            "ContentType": CONTENT_TYPE,
            "SplitType": "Line",
        },
        TransformOutput={"S3OutputPath": output, "Accept": ACCEPT, "AssembleWith": "Line"},
        TransformResources={
            "InstanceType": settings.batch_transform_instance_type,
            "InstanceCount": settings.batch_transform_instance_count,
        },
        DataProcessing={"JoinSource": "Input"},
    )
    _wait(project, job, watch)
    output = f"{output}/{RECORD_NAME}.out"
    joined = csv.reader(io.StringIO(project.read(output).decode()))
    samples = write_table(joined, inputs, out, intervals, spectra)
    if samples.rows != rows:
        raise WorkFailedError(f"the job {job} predicted {samples.rows} of {rows} rows")
    return samples, {"job": job, "output": output}


def format_batch_costs(project: ProductionProject) -> str:
    settings = project.settings
    count, instance = settings.batch_transform_instance_count, settings.batch_transform_instance_type
    return f"{count} x {instance} until the batch ends; SageMaker sets no time limit"


def read_columns(project: ProductionProject, version: Version) -> list[str]:
    """Return the columns of a version's training file. Raises ProductionError or ValueError."""
    source = f"version {version.number}, {version.archives[0]}"
    content = read_features_files(project, version, [CHANNELS]).get(CHANNELS)
    if content is None:
        raise ProductionError(f"{source} does not contain {CHANNELS}")
    return parse_columns(content, f"{source}, {CHANNELS}")


def read_served_columns(project: ProductionProject) -> list[str]:
    """Return the columns of the training file of the endpoint's first variant. Raises ProductionError."""
    return read_columns(project, find_version(project, require_endpoint(project)["variants"][0]["version"]))


def require_columns(file: DataFile, columns: Sequence[str]) -> None:
    """Raise ProductionError if a channel in `columns` is missing from the data file."""
    header = {*file.positions, *challenge().ids, *challenge().targets}
    if missing := [name for name in columns[1:] if name not in header]:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise ProductionError(f"{file.path}: missing column {missing[0]!r}{more}, which the version was trained on")


def _write_lines(file: Path, columns: Sequence[str], destination: Path) -> int:
    """Copy a data file's columns unchanged, without the header, and return the number of rows. Raises ValueError."""
    with open_data(file) as data:
        require_columns(data, columns)
        positions = {name: data.positions[name] for name in columns[1:] if name in data.positions}
        schema = pa.schema([(name, pa.string()) for name in ["index", *columns[1:]]])
        rows = 0
        with pa.csv.CSVWriter(destination, schema, write_options=pa.csv.WriteOptions(include_header=False)) as writer:
            for batch in data.read_batches(dict.fromkeys([0, *positions.values()], pa.string())):
                empty = pa.nulls(batch.num_rows, pa.string())
                cells = [batch[str(positions[name])] if name in positions else empty for name in columns[1:]]
                writer.write_batch(pa.RecordBatch.from_arrays([batch["0"], *cells], schema=schema))
                rows += batch.num_rows
    if not rows:
        raise ProductionError(f"{file} has a header but no rows")
    return rows


def _wait(project: ProductionProject, job: str, watch: Watch) -> None:
    def look() -> dict[str, Any]:
        described: dict[str, Any] = project.sagemaker.describe_transform_job(TransformJobName=job)
        watch(described["TransformJobStatus"], 0, 0)
        return described

    stop = partial(project.sagemaker.stop_transform_job, TransformJobName=job)
    ended = wait_for_end(look, "TransformJobStatus", stop)
    if ended["TransformJobStatus"] == "Stopped":
        raise WorkFailedError(f"the job {job} was stopped")
    if ended["TransformJobStatus"] == "Failed":
        raise WorkFailedError(f"the job {job} failed: {ended.get('FailureReason', NO_REASON)}")


def predict_samples(
    backend: Backend, trained_model: "TrainedModel", file: Path, out: Path, watch: Watch, *, intervals: bool
) -> PredictedSamples:
    """Predict a data file's rows with the model of a run or a handover, in one job on the embedded simulator.

    Raises ValueError or OSError if the archive cannot be read, or WorkFailedError if the job fails.
    """
    project = ProductionProject(backend.services, Settings(), backend.bucket, backend.role)
    with locked.temporary_folder("recore-predict-") as folder:
        features, model = (
            f"{project.upload_file('model', archive, ARCHIVE)}/{ARCHIVE}"
            for archive in trained_model.write_archives(Path(folder))
        )
    project.sagemaker.create_model(
        ModelName=HANDOVER_MODEL,
        ExecutionRoleArn=project.role,
        Containers=containers(project, features, model),
        EnableNetworkIsolation=True,
    )
    return run_batch(project, HANDOVER_MODEL, trained_model.columns, file, out, watch, intervals=intervals)[0]
