"""Predict assays from spectra with an endpoint."""

import csv
import io
import itertools
import json
import logging
import re
from collections.abc import Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from recore.challenge import challenge
from recore.dataset import Grid, Spectrum, grid_of_names
from recore.text import plain
from recore.web.uploads import Limits, UnusableUploadError, Upload
from stagemaker import parse_number

BATCH_SIZE = 25  # spectra in a request
INFERENCE_ID = re.compile(r"[!-~]{1,64}")
MAX_REASON = 400  # characters
DIGITS = 6  # digits of absorbances for the figure
# API Gateway waits at most 29 seconds: on Lambda a file needs two requests to the endpoint, each sent once, and 3
# seconds remain for the rest.
CONNECT_SECONDS = 2
READ_SECONDS = 11
log = logging.getLogger("recore.web")

Json = dict[str, Any]


class EndpointError(Exception):
    """The endpoint does not respond, or it rejects the spectra. The one-line message is for visitors."""

    status = 502  # status of the HTTP response


class Predictor:
    """A client of an endpoint that predicts assays.

    runtime: the boto3 client. columns: the columns of the training data. Raises ValueError if the columns are invalid.
    """

    def __init__(self, runtime: Any, endpoint: str, columns: Sequence[str], limits: Limits) -> None:
        self.endpoint, self.limits = endpoint, limits
        self.grid = grid_of_names(columns[1:])
        self.channels = list(self.grid.names)
        # the columns that a line can have
        self._rows = [self.channels, [name for name in columns if name not in challenge().targets], list(columns)]
        self._runtime = runtime

    def predict_upload(self, upload: Upload) -> Json:
        """Return the spectra in an upload, with predicted assays. Raises EndpointError."""
        predictions: list[Json] = []
        for spectra in itertools.batched(upload.spectra, BATCH_SIZE):
            identity = _identify(spectra[0]) if len(upload.spectra) == 1 else ""
            predictions += self._invoke(_write_table(self.grid, spectra), len(spectra), identity)
        samples = [
            {
                "name": plain(spectrum.sample, 200),
                "replicate": spectrum.replicate,
                "absorbances": [float(f"{value:.{DIGITS}g}") for value in spectrum.absorbance.tolist()],
                "assays": prediction["assays"],
                "domain": prediction["domain"],
            }
            for spectrum, prediction in zip(upload.spectra, predictions, strict=True)
        ]
        return {
            "wavenumbers": self.grid.wavenumbers.tolist(),
            "samples": samples,
            "problems": upload.problems,
            "remarks": upload.remarks,
        }

    def predict_line(self, line: str) -> Json:
        """Return the prediction for a CSV line: absorbances, or a row of a training file, whose assays are ignored.

        Raises UnusableUploadError or EndpointError.
        """
        try:
            rows = [row for row in csv.reader(io.StringIO(line.strip())) if row]
        except csv.Error:
            raise UnusableUploadError("the line is not valid CSV") from None
        if len(rows) != 1:
            raise UnusableUploadError(f"expected one line, found {len(rows)}")
        [cells] = rows
        names = next((names for names in self._rows if len(names) == len(cells)), None)
        if names is None:
            channels, inputs, _ = map(len, self._rows)
            widths = f"{channels} absorbances, or the {inputs} cells of a row without assays"
            raise UnusableUploadError(f"the line has {len(cells)} cells instead of {widths}")
        by_name = dict(zip(names, cells, strict=True))
        absorbances = [by_name[name] for name in self.channels]
        for cell in absorbances:
            if parse_number(cell) is None:
                raise UnusableUploadError(f"{plain(cell, 40)!r} is not a number")
        [prediction] = self._invoke(_write_rows([["index", *self.channels], ["0", *absorbances]]), 1)
        return prediction

    def _invoke(self, body: str, rows: int, identity: str = "") -> list[Json]:
        members = {"InferenceId": identity} if INFERENCE_ID.fullmatch(identity) else {}
        try:
            response = self._runtime.invoke_endpoint(
                EndpointName=self.endpoint,
                ContentType="text/csv",
                Accept="application/json",
                Body=body.encode(),
                **members,
            )
            predictions = _read_predictions(response["Body"].read())
        except ClientError as error:
            status = error.response.get("OriginalStatusCode", 500)
            reason = str(error.response.get("OriginalMessage") or "").strip()
            if reason and status < 500:
                raise EndpointError(f"rejected by the model: {plain(reason.splitlines()[0], MAX_REASON)}") from None
            raise self._explain(error) from None
        except (BotoCoreError, ValueError, KeyError, TypeError) as error:
            raise self._explain(error) from None
        if len(predictions) != rows:
            raise EndpointError(f"the endpoint returned {len(predictions)} rows instead of {rows}")
        return predictions

    def _explain(self, error: Exception) -> EndpointError:
        """Log an error, and return an EndpointError that hides its details from visitors."""
        log.error("the endpoint %s: %s", self.endpoint, plain(str(error), MAX_REASON))
        return EndpointError(
            f"the endpoint {self.endpoint} does not respond; try again later, or ask the person who runs this page"
        )


def make_runtime(settings: Any = None, read_seconds: float = READ_SECONDS) -> Any:
    """Return the boto3 client for the endpoint. settings: an additional botocore Config."""
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=read_seconds,
        retries={"mode": "standard", "total_max_attempts": 1},
        max_pool_connections=32,
    )
    return boto3.client("sagemaker-runtime", config=settings.merge(config) if settings else config)


def _write_table(grid: Grid, spectra: Sequence[Spectrum]) -> str:
    rows = [[str(number), *map(repr, spectrum.absorbance.tolist())] for number, spectrum in enumerate(spectra)]
    return _write_rows([["index", *grid.names], *rows])


def _write_rows(rows: Sequence[Sequence[str]]) -> str:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(rows)
    return file.getvalue()


def _identify(spectrum: Spectrum) -> str:
    """Return the sample's name, followed by the replicate's number unless it is 0."""
    replicate = spectrum.replicate or "0"
    return spectrum.sample if replicate == "0" else f"{spectrum.sample}.{replicate}"


def _read_predictions(body: bytes) -> list[Json]:
    predictions = json.loads(body, parse_float=_parse_finite, parse_constant=_parse_finite)["predictions"]
    return [{"assays": dict(each["assays"]), "domain": each.get("domain")} for each in predictions]


def _parse_finite(number: str) -> float:
    if (value := parse_number(number)) is None:
        raise ValueError(f"{number} is not a finite number")
    return value
