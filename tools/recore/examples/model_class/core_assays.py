"""A model class for the challenge. It is trained on instrument files, and predicts assays from spectra.

Put this file, job.py and score.py, which defines the targets, next to the scripts of a submission, such as the
template. Any submission works, because the class uses only the functions that every train.py and preprocess.py has.
tools/recore/docs/model-classes.md shows how.
"""

import csv
import gzip
import inspect
import json
import math
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError
from botocore.exceptions import ClientError as S3ClientError

from recore.challenge import activate, read_challenge
from recore.dataset import ImportOptions, import_files
from recore.model import Model, ModelDatasetGenerator, ModelPredictor, ModelTrainer
from recore.model.errors import ClientError, ConfigError, JobError

# Packages that this file needs and a container lacks, for recore.model.code_archive. The last three are not recore's
# own: one reads OPUS files, the others recognise names of elements in mistyped columns.
PACKAGES = (
    *("recore.atomic", "recore.challenge", "recore.constant_runs", "recore.dataset", "recore.data_file"),
    *("recore.distribution", "recore.file_kinds", "recore.listing", "recore.outputs", "recore.schema"),
    *("recore.spreadsheet_csv", "recore.text"),
    *("stagemaker.interrupts", "stagemaker.locked", "stagemaker.text"),
    *("brukeropus", "periodictable", "pyparsing"),
)
DATA_FILE = "public.csv.gz"
ASSAY_TABLE = "assays.csv"
EXPECTED_ERROR = "expected_error.json"
CHALLENGE = read_challenge(Path(__file__).with_name("score.py"))

Spectrum = dict[float, float]  # absorbances by wavenumber in cm-1, descending


class AssayDatasetGenerator(ModelDatasetGenerator):
    """A dataset generator that imports instrument files and assays as `recore import` does."""

    IMPORT_OPTIONS: ClassVar[dict[str, Any]] = {}  # of ImportOptions, such as {"replicates": "mean"}

    def generate(self) -> None:
        """Read the objects directly below sources/DATASET/ and upload public.csv.gz to datasets/DATASET/.

        Both folders are below the project's S3 URL. The sources are spectrum files and assays.csv. Raises
        ConfigError if the environment has no dataset name or S3 URL, JobError if a source is missing or cannot be
        imported, UploadError if the file cannot be uploaded.
        """
        if self.env.s3 is None or not self.env.dataset_name:
            variable = "ML2P_S3_URL" if self.env.s3 is None else "ML2P_DATASET"
            raise ConfigError(f"to generate a dataset, set the environment variable {variable}")
        prefix = f"sources/{self.env.dataset_name}/"
        address = self.env.s3.url(prefix)  # ends with a slash
        with tempfile.TemporaryDirectory() as name:
            sources, data_file = Path(name, "sources"), Path(name, DATA_FILE)
            sources.mkdir()
            try:
                self._download(self.env.s3.bucket(), self.env.s3.path(prefix), sources)
            except (Boto3Error, BotoCoreError, S3ClientError) as error:
                raise JobError(f"the sources at {address} cannot be read: {error}") from error
            if not any(sources.iterdir()):
                raise JobError(f"the dataset has no sources: no file is directly below {address}")
            if not (sources / ASSAY_TABLE).exists():
                raise JobError(f"the assay table is missing; upload it as {address}{ASSAY_TABLE}")
            self._import(sources, data_file, address.rstrip("/"))
            self.upload_to_s3(data_file)

    def _download(self, bucket: str, prefix: str, folder: Path) -> None:
        pages = self.s3_client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, Delimiter="/")
        for key in [item["Key"] for page in pages for item in page.get("Contents", [])]:
            if key != prefix:  # such an object represents the folder
                self.s3_client.download_file(bucket, key, str(folder / key.removeprefix(prefix)))

    def _import(self, sources: Path, data_file: Path, address: str) -> None:
        """Import the sources. Messages contain the sources' S3 addresses instead of local paths."""
        try:
            options = ImportOptions((sources,), data_file, sources / ASSAY_TABLE, **self.IMPORT_OPTIONS)
            with activate(CHALLENGE):
                result = import_files(options)
        except (ValueError, OSError) as error:
            raise JobError(str(error).replace(str(sources), address)) from error
        notes = [f"note: {remark}" for remark in result.remarks] + [f"bad: {one.text}" for one in result.suspected]
        problems = [f"{one.source}: {one.reason}" for one in result.problems]
        notes, problems = ([line.replace(str(sources), address) for line in lines] for lines in (notes, problems))
        for line in (*notes, *problems):
            print(line, flush=True)
        if not result.rows:
            raise JobError(f"nothing was imported because of {len(problems)} problem(s); the first: {problems[0]}")
        print(f"imported {result.rows} rows of {result.grid} from {result.spectra} spectra at {address}", flush=True)


class AssayTrainer(ModelTrainer):
    """A trainer that runs the submission's train.py, and computes the expected errors of the model's predictions."""

    def train(self) -> None:
        """Run train.py on public.csv.gz, and write expected_error.json next to the model if drill holes were held out.

        The hyperparameters are the parameters of the submission's fit(). The expected error of a target is the RMSE of
        its held-out predictions, in the target's unit, or null if none can be compared with an assay. Raises
        ConfigError if a hyperparameter is invalid, JobError if train.py fails.
        """
        import train  # not at the top: the dataset is generated without the submission
        from preprocess import preprocess

        arguments = hyperparameter_arguments(train.fit, self.env.hyperparameters())
        data_folder, model_folder = self.env.dataset_folder(), self.env.model_folder()
        model_folder.mkdir(parents=True, exist_ok=True)
        folders = ["--data_dir", str(data_folder), "--model_dir", str(model_folder)]
        # in a separate process, as on the platform, so that the model is the one that the script makes
        command = [sys.executable, str(train.__file__), *folders, *arguments]
        done = subprocess.run(command, stderr=subprocess.PIPE, encoding="utf-8", errors="replace")  # noqa: S603
        sys.stderr.write(done.stderr)
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["it printed no reason"])[-1]
            raise JobError(f"train.py failed with the exit status {done.returncode}: {reason}")
        if (model_folder / "held_out.csv").exists():
            _, targets = preprocess(str(data_folder / DATA_FILE))
            held_out = pd.read_csv(model_folder / "held_out.csv", index_col=0)
            errors = expected_errors(targets, held_out[list(targets)])
            (model_folder / EXPECTED_ERROR).write_text(json.dumps(errors, indent=1) + "\n", encoding="ascii")


class AssayPredictor(ModelPredictor):
    """A predictor of assays that uses the submission's preprocess() and the inference hooks in its train.py."""

    def setup(self) -> None:
        """Load the model, and its expected errors if AssayTrainer wrote them."""
        import train  # not at the top: the dataset is generated without the submission
        from preprocess import preprocess

        self._train, self._preprocess = train, preprocess
        self._model = train.model_fn(str(self.env.model_folder()))
        errors = self.env.model_folder() / EXPECTED_ERROR
        self._expected_errors = json.loads(errors.read_text("ascii")) if errors.exists() else {}
        # On the platform a submission's functions serve one request at a time, and need not be thread-safe.
        self._turn = threading.Lock()

    def result(self, data: Any) -> dict[str, Any]:
        """Return the predicted assays of one spectrum, with their units and expected errors.

        data: {"wavenumbers": [...], "absorbances": [...]}, wavenumbers in cm-1, in any order. Raises ClientError if the
        spectrum is invalid, or if the submission rejects it, for example because it was trained on different channels.
        """
        return self._predict([read_spectrum(data, "the spectrum")])[0]

    def batch_result(self, data: Sequence[Any]) -> list[dict[str, Any]]:
        """Return the predicted assays of several spectra, each as by result(), with a single call of the model.

        Raises ClientError if a spectrum is invalid, or if its wavenumbers differ from the first spectrum's.
        """
        spectra = [read_spectrum(datum, f"spectrum {number}") for number, datum in enumerate(data, 1)]
        for number, spectrum in enumerate(spectra, 1):
            if spectrum.keys() != spectra[0].keys():
                reason = "its wavenumbers differ from those of spectrum 1; send it in a separate request"
                raise ClientError(f"spectrum {number} is invalid", reason)
        return self._predict(spectra) if spectra else []

    def _predict(self, spectra: list[Spectrum]) -> list[dict[str, Any]]:
        with tempfile.TemporaryDirectory() as folder:
            data_file = Path(folder, DATA_FILE)
            write_spectra(data_file, spectra)
            try:
                with self._turn:
                    inputs, _ = self._preprocess(str(data_file))
                    inputs = self._train.input_fn(inputs.to_csv(), "text/csv")
                    predictions = self._train.predict_fn(inputs, self._model)
            except ValueError as error:
                message = "the model rejected the request: check that the wavenumbers are its training channels"
                raise ClientError(message, str(error).replace(str(data_file), "the request")) from error
        return [{"assays": self._assays(row)} for row in np.asarray(predictions, dtype=float).tolist()]

    def _assays(self, row: list[float]) -> dict[str, dict[str, Any]]:
        return {
            name: {
                "value": None if math.isnan(value) else value,
                "unit": CHALLENGE.unit(name),
                "expected_error": self._expected_errors.get(name),
            }
            for name, value in zip(CHALLENGE.targets, row, strict=True)
        }


class CoreAssays(Model):
    """A model that predicts drill-core assays from spectra."""

    DATASET_GENERATOR = AssayDatasetGenerator
    TRAINER = AssayTrainer
    PREDICTOR = AssayPredictor


def hyperparameter_arguments(fit: Callable[..., Any], values: Mapping[str, Any]) -> list[str]:
    """Return hyperparameters as command-line arguments for train.py, which checks their types.

    The parameters of fit() after inputs, targets and groups are allowed if their defaults are numbers, strings or
    booleans. Raises ConfigError if a name is not allowed, or if a value is not a number, string or boolean.
    """
    parameters = list(inspect.signature(fit).parameters.values())[3:]
    allowed = [each.name for each in parameters if isinstance(each.default, bool | int | float | str)]
    for name, value in values.items():
        if name not in allowed:
            names = ", ".join(allowed) or "none"
            raise ConfigError(f"fit() has no hyperparameter {name!r}; its hyperparameters are: {names}")
        if not isinstance(value, bool | int | float | str):
            raise ConfigError(f"the hyperparameter {name!r} is {value!r}, not a number, a string or a boolean")
    return [f"--{name}={value}" for name, value in values.items()]


def expected_errors(targets: pd.DataFrame, held_out: pd.DataFrame) -> dict[str, float | None]:
    """Return each target's RMSE over the rows that were measured and predicted, or None if there are no such rows.

    targets, held_out: (rows, targets), aligned by position, in the targets' units; NaN where missing.
    """
    squares = (held_out.to_numpy(float) - targets.to_numpy(float)) ** 2
    usable = ~np.isnan(squares)
    return {
        name: float(np.sqrt(column[rows].mean())) if rows.any() else None
        for name, column, rows in zip(targets, squares.T, usable.T, strict=True)
    }


def read_spectrum(datum: Any, name: str) -> Spectrum:
    """Return the spectrum in a datum. name: the spectrum's name in messages. Raises ClientError if it is invalid."""
    try:
        if not isinstance(datum, Mapping):
            raise ValueError('a spectrum must be an object with the keys "wavenumbers" and "absorbances"')
        wavenumbers, absorbances = read_numbers(datum, "wavenumbers"), read_numbers(datum, "absorbances")
        if len(wavenumbers) != len(absorbances):
            raise ValueError(f"it has {len(wavenumbers)} wavenumbers, but {len(absorbances)} absorbances")
        spectrum = dict(sorted(zip(wavenumbers, absorbances, strict=True), reverse=True))
        if len(spectrum) < len(wavenumbers):
            raise ValueError("a wavenumber appears more than once")
        if min(spectrum) <= 0:
            raise ValueError(f"the wavenumber {min(spectrum):g} is not positive")
    except ValueError as error:
        raise ClientError(f"{name} is invalid", str(error)) from error
    return spectrum


def read_numbers(datum: Mapping[str, Any], key: str) -> list[float]:
    """Return datum[key], a list of finite numbers. Raises ValueError if it is missing, empty or invalid."""
    if key not in datum:
        raise ValueError(f"it has no {key!r}")
    values = datum[key].tolist() if isinstance(datum[key], np.ndarray) else datum[key]
    if not isinstance(values, list | tuple) or not values:
        raise ValueError(f"{key!r} must be a non-empty list of numbers")
    for position, value in enumerate(values, 1):
        if not isinstance(value, Real) or isinstance(value, bool) or not abs(value) <= sys.float_info.max:
            raise ValueError(f"value {position} of {key!r} is {str(value)[:40]!r}, not a finite number")
    return [float(value) for value in values]


def write_spectra(data_file: Path, spectra: Sequence[Spectrum]) -> None:
    """Write spectra with the same wavenumbers to a data file in the challenge's schema, indexed by position from 1."""
    with gzip.open(data_file, "wt", compresslevel=1, encoding="ascii", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["", *CHALLENGE.ids, *spectra[0]])
        # the IDs are part of the schema, but inputs do not depend on them
        ids = ["unknown" if name == CHALLENGE.group else 1.0 for name in CHALLENGE.ids]
        table.writerows([row, *ids, *spectrum.values()] for row, spectrum in enumerate(spectra, 1))
