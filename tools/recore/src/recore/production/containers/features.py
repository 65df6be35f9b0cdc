"""The features container, which computes a model's inputs from raw spectra with the submission's preprocess.py.

As the script of a processing job, this file packs model.tar.gz for the container:

    channels.json          {"columns": [...]}, the header of the training file
    reference.json         the reference fitted to its spectra; omitted if it cannot be fitted
    code/                  this file, domain.py, row_notes.py, challenge.json and the submission's preprocess.py

As the container's inference script, it accepts CSV, with or without a header, or one or more spectra as JSON. It
returns CSV: the index, the inputs that preprocess.py computes, and the spectrum's position relative to the domain. If
the content type is "text/csv; bad-rows=empty", a bad row has empty inputs, and its last cell contains the reason.
"""

import argparse
import collections
import csv
import gzip
import importlib
import io
import itertools
import json
import math
import re
import sys
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

CHALLENGE = "challenge.json"  # {"ids": [...], "group": ..., "units": {target: unit}}
DATA_FILE = "public.csv.gz"
REFERENCE = "reference.json"
CHECKED_ROWS = 5  # number of rows of the training file with which the container is tested
BLOCK = 500  # spectra to compare with the reference at once, to limit memory
MAX_REASON_LENGTH = 600  # characters
NUMBER_LISTS = ("wavenumbers", "absorbances")

Row = list[str]  # the cells of a line


class SpectraError(ValueError):
    """The spectra in a file or a request are invalid. The message is one line with the location."""


class PreprocessError(SpectraError):
    """The submission's preprocess() returned an invalid result, which the spectra did not cause."""


class Columns:
    """The columns of the training file, which determine the order of cells.

    ids, targets: the challenge's IDs and targets. names: the index, IDs and channels. channels: only the channels.
    Raises SpectraError for a duplicate column.
    """

    def __init__(self, columns: Sequence[str], ids: Collection[str], targets: Collection[str]) -> None:
        self.ids, self._targets = ids, targets
        if repeated := find_repeated(columns):
            raise SpectraError(f"the training data: the column {repeated!r} appears more than once")
        self._width = len(columns)
        self._positions = [position for position, name in enumerate(columns) if not position or name not in targets]
        self.names = [columns[position] for position in self._positions]
        self._channel_positions = [number for number, name in enumerate(self.names) if number and name not in ids]
        self.channels = [self.names[position] for position in self._channel_positions]
        self._last_header: tuple[Row, Sequence[int | None]] = [], []  # most requests have the same header

    def arrange(self, rows: Iterable[Row], source: str = "the request") -> Iterator[Row]:
        """Yield each row's cells in the order of `names`, empty for missing IDs. The first row may be a header.

        source: a name for the rows in messages. Raises SpectraError.
        """
        rows = iter(rows)
        first = next(rows, None)
        if first is None:
            raise SpectraError(f"{source} is empty")
        header, positions = self._last_header
        if first != header and self._is_header(first):
            positions = self._find_positions(first, source)
            header, self._last_header = first, (first, positions)
        elif first != header:
            header, positions = [], self._known_positions(len(first), source)
            rows = itertools.chain([first], rows)
        named = zip(self.names, positions, strict=False)
        ids = [position for name, position in named if name in self.ids and position is not None]
        for number, row in enumerate(rows, 1):
            if len(row) != len(first):
                problem = f"row {number} has {len(row)} cells instead of {len(first)}; is the line truncated?"
                raise SpectraError(f"{source}: {problem}")
            if row == header or any(row[position] in self.ids for position in ids):
                raise SpectraError(f"{source}: row {number} repeats the header; remove the row")
            yield ["" if position is None else row[position] for position in positions]

    def read_spectra(self, rows: Sequence[Row]) -> "np.ndarray":
        """Return the absorbances of arranged rows, (rows, channels), with NaN for cells that are not numbers."""
        import numpy as np

        cells = [[row[position] for position in self._channel_positions] for row in rows]
        try:
            return np.array(cells, dtype=float).reshape(len(rows), -1)
        except ValueError:
            return np.array([list(map(to_number, row)) for row in cells]).reshape(len(rows), -1)

    def _is_header(self, cells: Row) -> bool:
        keys = {column_key(cell) for cell in cells}
        return not keys.isdisjoint(self.ids) or keys.issuperset(map(column_key, self.channels))

    def _find_positions(self, header: Row, source: str) -> list[int | None]:
        """Return the position of each of `names` in a header, or None for a missing ID. Raises SpectraError.

        The index is the column with the same name as in the training file or, if that is missing, the first column.
        """
        if repeated := find_repeated(header):
            raise SpectraError(f"{source}: the column {repeated!r} appears more than once")
        index = self.names[0] if self.names[0] in header else header[0]
        if index in self.ids or index in self._targets:
            raise SpectraError(f"{source}: the first column must be the index, but it is {index!r}")
        positions = {column_key(name): position for position, name in enumerate(header) if name not in self._targets}
        first = positions.pop(column_key(index))
        missing = [name for name in self.channels if column_key(name) not in positions]
        known = {column_key(name) for name in (*self.channels, *self.ids)}
        unknown = [header[position] for key, position in positions.items() if key not in known]
        if missing or unknown:
            kinds = {"missing": missing, "unknown": unknown}
            problems = [f"{len(names)} {kind}, such as {names[0][:80]!r}" for kind, names in kinds.items() if names]
            raise SpectraError(f"{source}: the columns differ from the training data's: {'; '.join(problems)}")
        return [first, *(positions.get(column_key(name)) for name in self.names[1:])]

    def _known_positions(self, width: int, source: str) -> list[int]:
        if width == len(self.names):
            return list(range(width))
        if width == self._width:
            return self._positions
        expected = f"expected {len(self.names)}, or {self._width} with the assays, in the order of the training data"
        raise SpectraError(f"{source}: the first line is not a header and has {width} cells; {expected}")


class Features:
    """Computes the model's inputs from rows of raw spectra.

    domain: a domain.Domain, which describes each row. notes: the module row_notes, which writes descriptions.
    """

    def __init__(
        self, columns: Columns, preprocess: Callable[[str], Any], domain: Any = None, notes: Any = None
    ) -> None:
        self._columns, self._preprocess, self._domain, self._notes = columns, preprocess, domain, notes

    @property
    def ids(self) -> Collection[str]:
        return self._columns.ids

    def compute(self, rows: Iterable[Row], source: str = "the request") -> "pd.DataFrame":
        """Return the inputs (rows, columns) for rows of cells. The first row may be a header.

        Raises SpectraError if the rows are invalid, or if preprocess() fails or returns an invalid result.
        """
        import pandas as pd

        with tempfile.TemporaryDirectory() as folder:
            data_file = Path(folder, DATA_FILE)
            index, descriptions = self._write(rows, data_file, source)
            no_inputs = pd.DataFrame(index=pd.Index([], name="index"))
            inputs = self._call_preprocess(data_file, source) if index else no_inputs
        if len(inputs) != len(index):
            raise PreprocessError(f"preprocess() returned {len(inputs)} rows for the {len(index)} rows of {source}")
        inputs = inputs.set_axis(pd.Index(index, dtype=object, name=inputs.index.name))
        if not descriptions:
            return inputs
        return inputs.assign(**{self._notes.NOTE_PREFIX: list(map(self._notes.write_note, descriptions))})

    def answer(self, rows: Iterable[Row], content_type: str) -> str:
        """Return the inputs as CSV. With bad-rows=empty, a bad row has empty inputs and a note with the reason.

        Raises SpectraError as `compute` does or, with bad-rows=empty, only for an invalid header or number of cells.
        """
        if not (self._notes and self._notes.has_parameter(content_type, self._notes.BAD_ROWS_EMPTY)):
            return write_inputs(self.compute(rows))
        header: Row = ["index", self._notes.NOTE_PREFIX]

        def compute(part: Sequence[Row]) -> list[Row]:
            nonlocal header
            header, *inputs = csv.reader(io.StringIO(write_inputs(self.compute(part)), newline=""))
            if self._domain:
                return inputs
            header.append(self._notes.NOTE_PREFIX)
            return [[*cells, self._notes.write_note(None)] for cells in inputs]

        arranged = list(self._columns.arrange(rows))
        results = self._notes.compute_by_row(arranged, compute)
        lines = io.StringIO()
        table = csv.writer(lines, lineterminator="\n")
        table.writerow(header)
        for row, result in zip(arranged, results, strict=True):
            is_bad = isinstance(result, self._notes.RowProblem)
            empty = [""] * (len(header) - 2)
            table.writerow([row[0], *empty, self._notes.write_note(result)] if is_bad else result)
        return lines.getvalue()

    def _write(self, rows: Iterable[Row], data_file: Path, source: str) -> tuple[list[str], list[Any]]:
        """Write a data file without targets. Return the index and, if there is a domain, each row's description."""
        index: list[str] = []
        descriptions: list[Any] = []
        # uncompressed, because it is read only once, immediately
        with gzip.open(data_file, "wt", compresslevel=0, encoding="utf-8", newline="") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(self._columns.names)
            for block in itertools.batched(self._columns.arrange(rows, source), BLOCK):
                table.writerows(block)
                index += [row[0] for row in block]
                if self._domain:
                    descriptions += self._domain.describe(self._columns.read_spectra(block))
        return index, descriptions

    def _call_preprocess(self, data_file: Path, source: str) -> Any:
        try:
            table = self._preprocess(str(data_file))
        except (Exception, SystemExit) as error:
            message = str(error) if isinstance(error, ValueError) else f"preprocess(): {type(error).__name__}: {error}"
            raise SpectraError(to_one_line(message.replace(str(data_file), source))) from error
        if not isinstance(table, tuple) or len(table) != 2 or not hasattr(table[0], "set_axis"):
            kind, expected = type(table).__name__, "a pair of DataFrames, inputs and targets"
            raise PreprocessError(f"preprocess() must return {expected}, but it returned {kind}")
        return table[0]


def find_repeated(names: Sequence[str]) -> str | None:
    counts = collections.Counter(map(column_key, names))
    return next((name for name in names if counts[column_key(name)] > 1), None)


def column_key(name: str) -> float | str:
    """Return a channel's wavenumber in cm-1 (3997.4 and 3997.40 are one channel), or another column's name."""
    return float(name) if re.fullmatch(r"\d+(\.\d+)?([eE][-+]?\d+)?", name, re.ASCII) else name


def to_number(cell: str) -> float:
    try:  # float() also accepts 1_0 and the digits of other scripts, which are not numbers in a CSV
        return float(cell) if cell.isascii() and "_" not in cell else math.nan
    except ValueError:
        return math.nan


def to_one_line(message: str) -> str:
    return " ".join(message.split())[:MAX_REASON_LENGTH]


# ---- The hooks of the server -----------------------------------------------------------------------------
def model_fn(model_dir: str) -> Features:
    sys.path.insert(0, str(Path(model_dir, "code")))
    header = json.loads(Path(model_dir, "channels.json").read_text("utf-8"))["columns"]
    columns = make_columns(header, Path(model_dir, "code", CHALLENGE))
    reference, domain = Path(model_dir, REFERENCE), None
    if reference.exists():
        wavenumbers = [column_key(name) for name in columns.channels]
        domain = importlib.import_module("domain").Domain(json.loads(reference.read_text("ascii")), wavenumbers)
    return Features(columns, find_preprocess(), domain, importlib.import_module("row_notes"))


def make_columns(header: Sequence[str], challenge: Path) -> Columns:
    content = json.loads(challenge.read_text("utf-8"))
    return Columns(header, content["ids"], content["units"])


def transform_fn(features: Features, data: str | bytes, content_type: str, accept: str) -> Any:
    """Respond with CSV regardless of `accept`, because no Accept header is sent between containers."""
    try:
        return features.answer(read_request(data, content_type, features.ids), content_type), "text/csv"
    except PreprocessError:
        raise
    except SpectraError as error:
        from werkzeug import Response

        return Response(str(error), 400, mimetype="text/plain")


def read_request(input_data: str | bytes, content_type: str, ids: Collection[str]) -> Iterator[Row]:
    """Yield the rows of a request; the first may be a header. ids: optional JSON keys. Raises SpectraError."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in ("text/csv", "application/json"):
        raise SpectraError(f"unsupported content type {content_type[:80]!r}: send text/csv or application/json")
    try:
        body = input_data if isinstance(input_data, str) else bytes(input_data).decode()
    except UnicodeDecodeError as error:
        raise SpectraError(f"the request is not encoded in UTF-8: {error}") from None
    body = body.removeprefix("\ufeff")
    return read_csv(body) if kind == "text/csv" else read_json(body, ids)


def write_inputs(inputs: "pd.DataFrame") -> str:
    """Return inputs as CSV with full precision."""
    return str(inputs.to_csv(lineterminator="\n"))


def find_preprocess() -> Callable[[str], Any]:
    function = getattr(importlib.import_module("preprocess"), "preprocess", None)
    if not callable(function):
        raise SpectraError("preprocess.py has no function preprocess(data_file)")
    return function  # type: ignore[no-any-return]


def read_csv(body: str) -> Iterator[Row]:
    """Yield the non-empty rows of a CSV. Raises SpectraError."""
    reader = csv.reader(io.StringIO(body, newline=""), strict=True)
    try:
        yield from filter(None, reader)
    except csv.Error as error:
        raise SpectraError(f"the request: line {reader.line_num}: {error}") from None


class Number(str):
    """A JSON number with its digits as written."""


def read_json(body: str, ids: Collection[str]) -> Iterator[Row]:
    """Yield a header, then a row of cells for each spectrum in a JSON request. Raises SpectraError."""
    try:
        document = json.loads(body, parse_float=Number, parse_int=Number, parse_constant=reject_constant)
    except RecursionError:
        raise SpectraError("the request is nested too deeply") from None
    except ValueError as error:
        raise SpectraError(f"the request is not valid JSON: {error}") from None
    has_several = isinstance(document, dict) and "instances" in document
    spectra = document["instances"] if has_several else [document]
    if not isinstance(spectra, list) or not spectra or (has_several and len(document) > 1):
        raise SpectraError("the request: 'instances' must be a non-empty list of spectra, and the only key")
    wavenumbers: list[float] = []
    for number, spectrum in enumerate(spectra):
        name = f"the request: instance {number + 1}" if has_several else "the request"
        absorbances = read_spectrum(spectrum, name, ids)
        if not number:
            wavenumbers = list(absorbances)
            yield ["index", *ids, *map(str, wavenumbers)]
        if absorbances.keys() != set(wavenumbers):
            raise SpectraError(f"{name}: the wavenumbers differ from those of instance 1")
        cells = [get_field(spectrum, key, name) for key in ids]
        index = get_field(spectrum, "index", name) if "index" in spectrum else str(number)
        yield [index, *cells, *(absorbances[wavenumber] for wavenumber in wavenumbers)]


def reject_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a finite number")


def read_spectrum(spectrum: Any, name: str, ids: Collection[str]) -> dict[float, Number]:
    """Return the absorbances of a spectrum by wavenumber in cm-1. name: its name in messages. ids: optional keys."""
    known = (*NUMBER_LISTS, "index", *ids)
    if not isinstance(spectrum, dict):
        keys = " and ".join(map(repr, NUMBER_LISTS))
        raise SpectraError(
            f"{name}: a spectrum must be an object with the keys {keys}; send several as a list in 'instances'"
        )
    if unknown := [key for key in spectrum if key not in known]:
        raise SpectraError(f"{name}: unknown key {unknown[0][:80]!r}; the keys are {', '.join(known)}")
    wavenumbers, absorbances = (read_numbers(spectrum, key, name) for key in NUMBER_LISTS)
    if len(wavenumbers) != len(absorbances):
        raise SpectraError(f"{name} has {len(wavenumbers)} wavenumbers, but {len(absorbances)} absorbances")
    by_wavenumber = dict(zip(map(float, wavenumbers), absorbances, strict=True))
    if len(by_wavenumber) < len(wavenumbers):
        raise SpectraError(f"{name}: a wavenumber appears more than once")
    return by_wavenumber


def read_numbers(spectrum: dict[str, Any], key: str, name: str) -> list[Number]:
    values = spectrum.get(key)
    if not isinstance(values, list) or not values:
        raise SpectraError(f"{name}: {key!r} must be a non-empty list of numbers")
    for number, value in enumerate(values, 1):
        if not isinstance(value, Number) or not math.isfinite(float(value)):
            raise SpectraError(f"{name}: value {number} of {key!r} is {str(value)[:40]!r}, not a finite number")
    return values


def get_field(spectrum: dict[str, Any], key: str, name: str) -> str:
    value = spectrum.get(key)
    if value is not None and not isinstance(value, str):
        raise SpectraError(f"{name}: {key!r} must be a string or a number")
    try:
        (value or "").encode()
    except UnicodeEncodeError:
        raise SpectraError(f"{name}: {key!r} contains an unpaired surrogate, which is not a character") from None
    return value or ""


# ---- The program of the processing job -------------------------------------------------------------------
def write_archive(
    columns: Sequence[str], reference: Mapping[str, Any] | None, code: Mapping[str, bytes], target: Path
) -> None:
    """Write the container's model.tar.gz. Equal arguments produce identical bytes.

    columns: the training file's columns. reference: the reference fitted to its spectra. code: the files in code/.
    """
    contents = {"channels.json": json.dumps({"columns": list(columns)}, ensure_ascii=False).encode()}
    if reference:
        contents[REFERENCE] = json.dumps(reference, allow_nan=False).encode()
    contents |= {f"code/{name}": content for name, content in code.items()}
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    with (
        open(part, "wb") as file,
        gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as archive,
    ):
        for name, content in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    part.replace(target)


def read_first_rows(data_file: Path) -> list[Row]:
    """Return the header and the first rows of a gzipped CSV. Raises SpectraError."""
    try:
        with gzip.open(data_file, "rt", encoding="utf-8-sig", newline="") as file:
            lines = filter(None, csv.reader(file, strict=True))
            rows = list(itertools.islice(lines, 1 + CHECKED_ROWS))
    except FileNotFoundError:
        raise SpectraError(f"{data_file}: there is no such file") from None
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error) as error:
        raise SpectraError(f"{data_file}: a gzipped CSV with a header is needed: {to_one_line(str(error))}") from None
    if len(rows) < 2:
        raise SpectraError(f"{data_file}: a header and at least one row are needed")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description="Pack the archive of the features container.", allow_abbrev=False)
    inputs = "/opt/ml/processing/input"
    parser.add_argument("--input", type=Path, default=f"{inputs}/data/{DATA_FILE}", help="data file, or its folder")
    parser.add_argument("--preprocess", type=Path, default=f"{inputs}/preprocess/preprocess.py", help="preprocess.py")
    parser.add_argument(
        "--domain", type=Path, default=f"{inputs}/domain/domain.py", help="domain.py, next to row_notes.py"
    )
    parser.add_argument(
        "--challenge", type=Path, default=f"{inputs}/challenge/{CHALLENGE}", help="file of the IDs and targets"
    )
    parser.add_argument("--output", type=Path, default="/opt/ml/processing/output/model", help="folder for the archive")
    arguments = parser.parse_args()
    data_file = arguments.input / DATA_FILE if arguments.input.is_dir() else arguments.input
    rows = read_first_rows(data_file)
    domain, challenge = arguments.domain, arguments.challenge
    programs = (Path(__file__), domain, domain.with_name("row_notes.py"), challenge, arguments.preprocess)
    code = {path.name: path.read_bytes() for path in programs}
    sys.path[:0] = [str(path.parent.absolute()) for path in (arguments.preprocess, arguments.domain)]
    inputs = Features(make_columns(rows[0], challenge), find_preprocess()).compute(rows, str(data_file))
    target = arguments.output / "model.tar.gz"
    write_archive(rows[0], fit_reference(data_file, json.loads(challenge.read_text("utf-8"))["group"]), code, target)
    print(f"features: {inputs.shape[1]} inputs from the {len(rows[0])} columns of {data_file}, in {target}", flush=True)


def fit_reference(data_file: Path, group: str) -> dict[str, Any] | None:
    domain = importlib.import_module("domain")
    try:
        reference: dict[str, Any] = domain.fit_file(data_file, group)
        return reference
    except domain.DomainError as error:
        print(f"features: responses will not contain the domain: {error}", flush=True)
        return None


if __name__ == "__main__":
    try:
        main()
    except (SpectraError, OSError, KeyboardInterrupt) as error:
        sys.exit(f"features.py: {str(error) or 'interrupted'}")
