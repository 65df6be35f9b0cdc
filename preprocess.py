"""Step 2: raw spectra -> model inputs.

Who calls this file: the platform, `python preprocess.py`, ALONE: without your other files, without the model,
and in private data without targets. And train.py and predict.py, by `preprocess(data_file)`.

Edit what is under "Yours to edit", and train again after it. What breaks if you do not keep to this:
  - one row of inputs for each row of the file, in its order, or predictions meet the wrong assays;
  - a row's inputs come from that row alone: in production, rows come a few at a time.
"""

import argparse
import ast
import contextlib
import hashlib
import os
import re
import sys
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.csv

if TYPE_CHECKING:  # it takes longer to import than a thousand rows to preprocess
    import pandas as pd

File = str | os.PathLike[str]

IDS = ("DepthTo", "SiteID", "DepthFrom")
TARGETS = tuple(
    "AgPPM AsPPM AuPPM BaPPM BiPPM CdPPM CoPPM CuPPM FePCT MnPPM MoPPM NiPPM PPCT PbPPM SPPM SbPPM SePPM "
    "SnPPM SrPPM TePPB ThPPB UPPB VPCT WPPM ZnPPM ZrPPM BePPM AlPPM CaPPM CePPM CrPPM CsPPM GaPPM GePPM "
    "HfPPM InPPM KPPM LaPPM LiPPM MgPPM NaPPM NbPPM RbPPM RePPM ScPPM TaPPM TiPPM TlPPM YPPM".split()
)

# ---- Yours to edit: what becomes of a spectrum ----------------------------------------------------------
MAXIMUM_ABOVE = 1110.0  # cm-1; a spectrum is divided by its own maximum over the channels above this
BIN = 7  # neighbouring channels are summed into one bin; those left over at the low end are not used
DECIMALS = 5  # of a bin in the CSV, about as far as the instrument's noise leaves a meaning


def to_bins(spectra: np.ndarray, wavenumbers: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Absorbances (channels, rows), by falling wavenumber in cm-1, to names (bins,) and bins (bins, rows).

    Names are bin_ and the bin's first and last wavenumber, bin_3997.4_3985.2: the server tells a header from data by
    them, puts columns in order, and sees when a channel is missing.
    Bins are rounded to what the CSV holds: the same numbers in memory, from a file and over HTTP. Channels are
    added in a fixed order: a row's bins are the same to the last bit in any company. A spectrum without a
    positive maximum becomes NaN, and is refused.
    """
    window = wavenumbers > MAXIMUM_ABOVE
    if not window.any():
        raise DataError(f"no channel lies above {MAXIMUM_ABOVE:g} cm-1: see MAXIMUM_ABOVE in preprocess.py")
    maximum = spectra[window].max(axis=0)
    whole = len(spectra) // BIN * BIN
    sums = sum(spectra[first:whole:BIN] for first in range(BIN))
    ends = zip(wavenumbers[:whole:BIN].tolist(), wavenumbers[BIN - 1 :: BIN].tolist(), strict=True)
    return [f"bin_{a}_{b}" for a, b in ends], np.round(sums / np.where(maximum > 0, maximum, np.nan), DECIMALS)


# ---- The platform's: reading, checking, writing ---------------------------------------------------------
BIN_NAME = r"bin_\d+\.\d+_"  # how the name of a bin begins


class DataError(ValueError):
    """The data are at fault, not the program; the message says where."""


def preprocess(data_file: File, return_holes: bool = False) -> "tuple[pd.DataFrame, Any, ...]":
    """Return (inputs, targets) of a whole data file: DataFrames with its rows, in order, and its index.

    For train.py and predict.py. Step 2 itself is main(), which goes batch by batch: to change the inputs of all, change
    to_bins.

    inputs: a column for each bin, nothing else. targets: the 49 assays in order, NaN where missing; None where
    the file has none of them, as private data. With return_holes, which train.py makes its folds by, a third: the
    drill hole of each row, an array (rows,) of text. Raises DataError.
    """
    batches = zip(*read(data_file, {"SiteID"} | set(TARGETS) if return_holes else TARGETS), strict=True)
    inputs, beside = (pa.Table.from_batches(half).to_pandas() for half in batches)
    inputs = inputs.set_index(inputs.columns[0])
    with contextlib.suppress(ValueError, OverflowError):
        if ((numbers := inputs.index.astype("int64")).astype(str) == inputs.index).all():
            inputs.index = numbers
    holes = beside.pop("SiteID").to_numpy() if return_holes else None
    targets = beside.set_axis(inputs.index).reindex(columns=TARGETS) if len(beside.columns) else None
    return (inputs, targets, holes) if return_holes else (inputs, targets)


def read(data_file: File, beside: Collection[str] = ()) -> Iterator[tuple[pa.RecordBatch, pa.RecordBatch]]:
    """Yield (inputs, others), record batches of some 4 MB of text: index and bins; those columns of `beside` there are.

    Whole batches are handed between pyarrow and numpy: pa.array() and to_numpy() of a column would import pandas,
    which takes longer than a thousand rows, and go column by column.
    """
    header = header_of(data_file)
    channels = channels_of(header, data_file)
    wavenumbers = np.array([float(name) for name in channels])
    others = [name for name in header if name in beside]
    if "SiteID" in beside and "SiteID" not in others:
        raise DataError(f"{data_file}: no column 'SiteID', the drill hole, to make folds by")
    types = dict.fromkeys([*channels, *others], pa.float64()) | dict.fromkeys([header[0], "SiteID"], pa.string())
    batch = None
    for batch in batches_of(data_file, header, {name: types[name] for name in (header[0], *channels, *others)}):
        index = batch[header[0]]
        spectra = batch.select(channels).to_tensor(null_to_nan=True, row_major=False).to_numpy().T
        if not (finite := np.isfinite(spectra)).all():
            row, channel = np.argwhere(~finite.T)[0]
            raise DataError(f"{data_file}: index {index[row]}, channel {channels[channel]}: empty or not finite")
        with np.errstate(over="ignore"):
            names, bins = to_bins(spectra, wavenumbers)
        bins = np.ascontiguousarray(bins, dtype=np.float64)
        if bins.shape != (len(names), len(index)):
            raise DataError(
                f"to_bins gives bins of {bins.shape}; (bins, rows), here {len(names), len(index)}, is needed"
            )
        if wrong := [name for name in names if not re.match(BIN_NAME, name)]:
            raise DataError(f"to_bins names a bin {wrong[0]!r}; bin_FIRST_LAST, with decimals, is needed")
        if not (usable := np.isfinite(bins).all(axis=0)).all():
            raise DataError(
                f"{data_file}: index {index[usable.argmin()]}: no finite bins; is the spectrum zero or flat?"
            )
        columns = [pa.Array.from_buffers(pa.float64(), len(index), [None, pa.py_buffer(each)]) for each in bins]
        yield pa.RecordBatch.from_arrays([index, *columns], [header[0], *names]), batch.select(others)
    if batch is None:
        raise DataError(f"{data_file}: a header, but no row")


def channels_of(header: Sequence[str], data_file: File) -> list[str]:
    """The channels' names by falling wavenumber: all columns after the index that are neither ID nor target."""
    if twice := {name for name in header if header.count(name) > 1}:
        raise DataError(f"{data_file}: the column {min(twice)!r} is there more than once")
    if header[0] in IDS + TARGETS or re.fullmatch(r"\d+(\.\d+)?", header[0]):
        raise DataError(f"{data_file}: the first column must be the index; it is {header[0]!r}")
    channels = [name for name in header[1:] if name not in IDS + TARGETS]
    for name in channels:
        if not re.fullmatch(r"\d+(\.\d+)?", name):
            raise DataError(f"{data_file}: the column {name!r} is no ID, no target and no wavenumber")
    if len({float(name) for name in channels}) < max(len(channels), BIN):
        need = f"{BIN} or more (BIN) of different wavenumbers, separated by commas, are needed"
        raise DataError(f"{data_file}: {len(channels)} channels; {need}")
    return sorted(channels, key=float, reverse=True)


def header_of(data_file: File) -> list[str]:
    """The names of the columns, the index first."""
    with plain_errors(data_file):
        return pa.csv.open_csv(data_file).schema.names


def batches_of(data_file: File, header: Sequence[str], types: dict[str, pa.DataType]) -> Iterator[pa.RecordBatch]:
    """Yield the columns that `types` names, as those types, in record batches."""
    with plain_errors(data_file, header):
        convert = pa.csv.ConvertOptions(column_types=types, include_columns=list(types))
        yield from pa.csv.open_csv(data_file, pa.csv.ReadOptions(block_size=1 << 22), convert_options=convert)


@contextlib.contextmanager
def plain_errors(data_file: File, header: Sequence[Any] = ()) -> Iterator[None]:
    """Put pyarrow's complaints about a file plainly: the column's name and not its number, what is no number."""
    try:
        yield
    except (pa.ArrowException, UnicodeDecodeError, OSError) as error:
        reason = "there is no such file" if isinstance(error, FileNotFoundError) else str(error)
        reason = re.sub(r"In CSV column #(\d+)", lambda number: f"column {header[int(number[1])]!r}", reason)
        reason = reason.replace("CSV conversion error to double: invalid value", "this is no number:")
        raise DataError(f"{data_file}: {reason[:300]}") from error


@contextlib.contextmanager
def written_whole(path: str, source: str | None = None) -> Iterator[str]:
    """Yield a temporary name to write to, which becomes `path` when all went well: never half a file."""
    if source and os.path.exists(path) and os.path.samefile(path, source):
        raise DataError(f"{path}: the output would replace the input")
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    try:
        yield f"{path}.part"
        os.replace(f"{path}.part", path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.remove(f"{path}.part")


def folder(in_container: str, here: str) -> str:
    """The platform's folder where the platform has made its like below /opt/ml, or else this repository's own.

    SAGEMAKER_BASE_DIR, SageMaker's own variable, says where /opt/ml is elsewhere.
    """
    base, names = os.environ.get("SAGEMAKER_BASE_DIR") or "/opt/ml", in_container.split("/")[3:]
    made = os.path.isdir(os.path.join(base, names[0]))
    return os.path.join(base, *names) if made else os.path.join(os.path.dirname(os.path.abspath(__file__)), here)


def fingerprint() -> str:
    """A digest of this file's code, comments and docstrings left out: a model remembers what it was trained with."""
    with open(__file__, "rb") as file:
        tree = ast.parse(file.read())
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            node.value.value = ""
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


def ignored(arguments: Sequence[str]) -> str:
    """The end of a script's last line, where it was given arguments that it does not know."""
    return f"; ignored arguments: {' '.join(arguments)}" if arguments else ""


def main() -> None:
    parser = argparse.ArgumentParser(description="Step 2: raw spectra to model inputs.", allow_abbrev=False)
    source = folder("/opt/ml/processing/input/public", "data/public")
    output = folder("/opt/ml/processing/output/preprocess", "data/preprocess")
    parser.add_argument("--input", default=os.path.join(source, "public.csv.gz"), help="data file (%(default)s)")
    parser.add_argument("--output", default=os.path.join(output, "public.csv"), help="inputs as CSV (%(default)s)")
    arguments, unknown = parser.parse_known_args()
    writer, rows = None, 0
    with written_whole(arguments.output, arguments.input) as part, contextlib.ExitStack() as open_files:
        for inputs, _ in read(arguments.input):
            writer = writer or open_files.enter_context(pa.csv.CSVWriter(part, inputs.schema))
            writer.write_batch(inputs)
            rows += inputs.num_rows
    print(f"preprocess: {rows} rows of {arguments.input} in {arguments.output}{ignored(unknown)}", flush=True)


if __name__ == "__main__":
    try:
        main()
    except (DataError, OSError, KeyboardInterrupt) as error:
        sys.exit(f"preprocess.py: {str(error) or 'interrupted'}")
