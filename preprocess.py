"""Step 2: raw spectra -> model inputs.

The platform runs this file ALONE, as `python preprocess.py`: without your other files, without the model, and on
private data without targets. train.py and predict.py call `preprocess(data_file)`.

Edit what is under "Yours to edit", or replace the whole file: preprocess(data_file), --input and --output are all that
is needed of it. Train again afterwards. Two rules must hold:
  - There is one row of inputs for each row of the file, in the same order. Otherwise predictions are compared with the
    wrong assays.
  - A row's inputs depend on that row alone, because in production rows arrive a few at a time.
"""

import argparse
import collections
import contextlib
import os
import re
import sys
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.csv

if TYPE_CHECKING:  # importing pandas takes longer than preprocessing a thousand rows
    import pandas as pd

File = str | os.PathLike[str]

IDS = ("DepthTo", "SiteID", "DepthFrom")
TARGETS = tuple(
    "AgPPM AsPPM AuPPM BaPPM BiPPM CdPPM CoPPM CuPPM FePCT MnPPM MoPPM NiPPM PPCT PbPPM SPPM SbPPM SePPM "
    "SnPPM SrPPM TePPB ThPPB UPPB VPCT WPPM ZnPPM ZrPPM BePPM AlPPM CaPPM CePPM CrPPM CsPPM GaPPM GePPM "
    "HfPPM InPPM KPPM LaPPM LiPPM MgPPM NaPPM NbPPM RbPPM RePPM ScPPM TaPPM TiPPM TlPPM YPPM".split()
)

# ---- Yours to edit: from a spectrum to model inputs ------------------------------------------------------
MAXIMUM_ABOVE = 1110.0  # cm-1; each spectrum is divided by its own maximum over the channels above this
BIN = 7  # neighbouring channels that are summed into one bin; those left over at the low end are not used
DECIMALS = 5  # of a bin in the CSV; further decimals would be noise of the instrument


def to_bins(spectra: np.ndarray, wavenumbers: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Convert absorbances (channels, rows), by falling wavenumber in cm-1, to names (bins,) and bins (bins, rows).

    A name is bin_ with the bin's first and last wavenumber, such as bin_3997.4_3985.2, so that a missing channel is
    noticed. Any names will do that are not numbers: so the server distinguishes a header from data.
    Bins are rounded to the decimals of the CSV, so that they are the same in memory, in a file and over HTTP. Channels
    are added in a fixed order, so that a row's bins do not depend on the other rows, not even in the last bit. A
    spectrum without a positive maximum becomes NaN, and is refused.
    """
    window = wavenumbers > MAXIMUM_ABOVE
    if not window.any():
        raise DataError(f"no channel lies above {MAXIMUM_ABOVE:g} cm-1: see MAXIMUM_ABOVE in preprocess.py")
    maximum = spectra[window].max(axis=0)
    whole = len(spectra) // BIN * BIN
    sums = sum(spectra[first:whole:BIN] for first in range(BIN))
    ends = zip(wavenumbers[:whole:BIN].tolist(), wavenumbers[BIN - 1 :: BIN].tolist(), strict=True)
    names = [f"bin_{first}_{last}" for first, last in ends]
    return names, np.round(sums / np.where(maximum > 0, maximum, np.nan), DECIMALS)


# ---- The platform's part: reading, checking, writing -----------------------------------------------------
class DataError(ValueError):
    """The data are invalid; the message says where."""


def preprocess(data_file: File) -> "tuple[pd.DataFrame, pd.DataFrame | None]":
    """Return (inputs, targets) of a whole data file: DataFrames with its rows, in order, and its index.

    train.py and predict.py call this function. Step 2 itself is main(), which reads the file batch by batch. To change
    the inputs of both, change to_bins.

    inputs: a column for each bin, nothing else. targets: the 49 assays in order, NaN where missing; None where
    the file has none of them, as private data. Raises DataError.
    """
    inputs, targets = (pa.Table.from_batches(half).to_pandas() for half in zip(*read(data_file, TARGETS), strict=True))
    inputs = inputs.set_index(inputs.columns[0])
    with contextlib.suppress(ValueError, OverflowError):
        numbers = inputs.index.astype("int64")
        if (numbers.astype(str) == inputs.index).all():
            inputs.index = numbers
    return inputs, targets.set_axis(inputs.index).reindex(columns=TARGETS) if len(targets.columns) else None


def read(data_file: File, beside: Collection[str] = ()) -> Iterator[tuple[pa.RecordBatch, pa.RecordBatch]]:
    """Yield pairs of record batches, each of about 4 MB of text: index and bins; those columns `beside` that there are.

    Whole batches are passed between pyarrow and numpy, because pa.array() and to_numpy() of a single column would
    import pandas, which takes longer than preprocessing a thousand rows.
    """
    header = header_of(data_file)
    channels = channels_of(header, data_file)
    wavenumbers = np.array([float(name) for name in channels])
    assays = [name for name in header if name in beside]
    types = {header[0]: pa.string()} | dict.fromkeys([*channels, *assays], pa.float64())
    batch = None
    for batch in batches_of(data_file, header, types):
        index = batch[header[0]]
        spectra = batch.select(channels).to_tensor(null_to_nan=True, row_major=False).to_numpy().T
        finite = np.isfinite(spectra)
        if not finite.all():
            row, channel = np.argwhere(~finite.T)[0]
            raise DataError(f"{data_file}: index {index[row]}, channel {channels[channel]}: empty or not finite")
        with np.errstate(over="ignore"):
            names, bins = to_bins(spectra, wavenumbers)
        bins = np.ascontiguousarray(bins, dtype=np.float64)
        if bins.shape != (len(names), len(index)):
            raise DataError(
                f"to_bins returns bins of shape {bins.shape}; (bins, rows), here {len(names), len(index)}, is needed"
            )
        usable = np.isfinite(bins).all(axis=0)
        if not usable.all():
            raise DataError(
                f"{data_file}: index {index[usable.argmin()]}: no finite bins; is the spectrum zero or flat?"
            )
        columns = [pa.Array.from_buffers(pa.float64(), len(index), [None, pa.py_buffer(each)]) for each in bins]
        yield pa.RecordBatch.from_arrays([index, *columns], [header[0], *names]), batch.select(assays)
    if batch is None:
        raise DataError(f"{data_file}: a header but no rows")


def channels_of(header: Sequence[str], data_file: File) -> list[str]:
    """Return the channels' names by falling wavenumber: all columns after the index that are neither ID nor target."""
    if repeated := [name for name, count in collections.Counter(header).items() if count > 1]:
        raise DataError(f"{data_file}: the column {min(repeated)!r} appears more than once")
    others = {*IDS, *TARGETS}
    if header[0] in others or re.fullmatch(r"\d+(\.\d+)?", header[0]):
        raise DataError(f"{data_file}: the first column must be the index; it is {header[0]!r}")
    channels = [name for name in header[1:] if name not in others]
    for name in channels:
        if not re.fullmatch(r"\d+(\.\d+)?", name):
            raise DataError(f"{data_file}: the column {name!r} is neither an ID, a target nor a wavenumber")
    if len({float(name) for name in channels}) < max(len(channels), BIN):
        need = f"{BIN} or more (BIN) of different wavenumbers, separated by commas, are needed"
        raise DataError(f"{data_file}: {len(channels)} channels; {need}")
    return sorted(channels, key=float, reverse=True)


def header_of(data_file: File) -> list[str]:
    """Return the names of the columns, the index first."""
    with readable_errors(data_file):
        return pa.csv.open_csv(data_file).schema.names


def batches_of(data_file: File, header: Sequence[str], types: dict[str, pa.DataType]) -> Iterator[pa.RecordBatch]:
    """Yield the columns that `types` names, as those types, in record batches."""
    with readable_errors(data_file, header):
        convert = pa.csv.ConvertOptions(column_types=types, include_columns=list(types))
        yield from pa.csv.open_csv(data_file, pa.csv.ReadOptions(block_size=1 << 22), convert_options=convert)


@contextlib.contextmanager
def readable_errors(data_file: File, header: Sequence[str] = ()) -> Iterator[None]:
    """Rewrite pyarrow's errors about a file in plain words, with the column's name instead of its number."""
    try:
        yield
    except (pa.ArrowException, UnicodeDecodeError, OSError) as error:
        reason = "there is no such file" if isinstance(error, FileNotFoundError) else str(error)
        reason = re.sub(r"In CSV column #(\d+)", lambda number: f"column {header[int(number[1])]!r}", reason)
        reason = reason.replace("CSV conversion error to double: invalid value", "not a number:")
        raise DataError(f"{data_file}: {reason[:300]}") from error


def default_folder(in_container: str, here: str) -> str:
    """Return the platform's folder if /opt/ml has the folder above it, else this repository's own folder `here`.

    SageMaker's variable SAGEMAKER_BASE_DIR, where it is set, names another place for /opt/ml.
    """
    base, names = os.environ.get("SAGEMAKER_BASE_DIR") or "/opt/ml", in_container.split("/")[3:]
    if os.path.isdir(os.path.join(base, names[0])):
        return os.path.join(base, *names)
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), here)


def main() -> None:
    parser = argparse.ArgumentParser(description="Step 2: raw spectra to model inputs.", allow_abbrev=False)
    source = default_folder("/opt/ml/processing/input/public", "data/public")
    output = default_folder("/opt/ml/processing/output/preprocess", "data/preprocess")
    parser.add_argument("--input", default=os.path.join(source, "public.csv.gz"), help="data file (%(default)s)")
    parser.add_argument("--output", default=os.path.join(output, "public.csv"), help="inputs as CSV (%(default)s)")
    arguments, unknown = parser.parse_known_args()
    if os.path.exists(arguments.output) and os.path.samefile(arguments.output, arguments.input):
        raise DataError(f"{arguments.output}: the output would replace the input")
    os.makedirs(os.path.dirname(os.path.abspath(arguments.output)), exist_ok=True)
    part, writer, rows = f"{arguments.output}.part", None, 0  # the output itself is never half a file
    try:
        with contextlib.ExitStack() as open_files:
            for inputs, _ in read(arguments.input):
                writer = writer or open_files.enter_context(pa.csv.CSVWriter(part, inputs.schema))
                writer.write_batch(inputs)
                rows += inputs.num_rows
        os.replace(part, arguments.output)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.remove(part)
    ignored = f"; ignored arguments: {' '.join(unknown)}" if unknown else ""
    print(f"preprocess: {rows} rows of {arguments.input} in {arguments.output}{ignored}", flush=True)


if __name__ == "__main__":
    try:
        main()
    except (DataError, OSError, KeyboardInterrupt) as error:
        sys.exit(f"preprocess.py: {str(error) or 'interrupted'}")
