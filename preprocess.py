"""Step 2: raw spectra -> model inputs.

Who calls this file: the platform, `python preprocess.py`, ALONE: no other file of yours, no model, and no
targets in private data, so whatever shapes the inputs stands in this file. And train.py and predict.py,
by `preprocess(data_file)`.

Edit what is under "Yours to edit". What breaks if you do not keep to this:
  - one row of inputs for each row of the file, in its order, or predictions meet the wrong assays;
  - a row's inputs come from that row alone: in production, rows come a few at a time;
  - no bin's name is a number: train.py tells a header from data by that.
"""

import argparse
import contextlib
import os
import re
import sys

import numpy as np
import pyarrow as pa
import pyarrow.csv

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


def to_bins(spectra, wavenumbers):
    """Normalise and bin absorbances (channels, rows), by falling wavenumber in cm-1, to (bins, rows).

    Rounded to what the CSV holds: the model sees the same numbers in memory, from a file and over HTTP.
    Channels are added in a fixed order: a row's bins are the same to the last bit in any company.
    A spectrum without a positive maximum becomes NaN.
    """
    window = wavenumbers > MAXIMUM_ABOVE
    if not window.any():
        raise DataError(f"no channel lies above {MAXIMUM_ABOVE:g} cm-1: see MAXIMUM_ABOVE in preprocess.py")
    maximum = spectra[window].max(axis=0)
    whole = len(spectra) // BIN * BIN
    sums = sum(spectra[first:whole:BIN] for first in range(BIN))
    return np.round(sums / np.where(maximum > 0, maximum, np.nan), DECIMALS)


# ---- The platform's: reading, checking, writing ---------------------------------------------------------
class DataError(ValueError):
    """The data are at fault, not the program; the message says where."""


def preprocess(data_file):
    """Return (inputs, targets) of a whole data file: DataFrames with its rows, in order, and its index.

    inputs: a column for each bin, nothing else. targets: the 49 assays in order, NaN where missing;
    None where the file has none of them, as private data. Raises DataError.
    """
    inputs, targets = (
        pa.Table.from_batches(batches).to_pandas() for batches in zip(*read(data_file, True), strict=True)
    )
    inputs = inputs.set_index(inputs.columns[0])
    with contextlib.suppress(ValueError):
        inputs.index = inputs.index.astype("int64")
    return inputs, targets.set_axis(inputs.index).reindex(columns=TARGETS) if len(targets.columns) else None


def read(data_file, targets=False):
    """Yield (inputs, targets), record batches of some 4 MB of text: index and bins; the assays that there are."""
    with plain_errors(data_file):
        header = pa.csv.open_csv(data_file).schema.names
    channels = channels_of(header, data_file)
    wavenumbers = np.array([float(name) for name in channels])
    names = [header[0], *(f"bin_{first}" for first in wavenumbers[: len(channels) // BIN * BIN : BIN].tolist())]
    measured = [name for name in TARGETS if name in header] if targets else []
    types = {header[0]: pa.string()} | dict.fromkeys([*channels, *measured], pa.float64())
    batch = None
    for batch in batches_of(data_file, header, types):
        index = batch[header[0]]
        spectra = np.stack([batch[name].to_numpy(zero_copy_only=False) for name in channels])
        if not (finite := np.isfinite(spectra)).all():
            row, channel = np.argwhere(~finite.T)[0]
            raise DataError(f"{data_file}: row {index[row]}, channel {channels[channel]}: empty or not finite")
        bins = to_bins(spectra, wavenumbers)
        if not (usable := np.isfinite(bins).all(axis=0)).all():
            raise DataError(f"{data_file}: row {index[usable.argmin()]}: no spectrum to normalise; is it all zero?")
        yield pa.RecordBatch.from_arrays([index, *bins], names), batch.select(measured)
    if batch is None:
        raise DataError(f"{data_file}: a header, but no row")


def channels_of(header, data_file):
    """The channels' names by falling wavenumber: all columns after the index that are neither ID nor target."""
    twice = {name for name in header if header.count(name) > 1}
    if twice:
        raise DataError(f"{data_file}: the column {min(twice)!r} is there more than once")
    channels = [name for name in header[1:] if name not in IDS + TARGETS]
    for name in channels:
        if not re.fullmatch(r"\d+(\.\d+)?", name):
            raise DataError(f"{data_file}: the column {name!r} is no ID, no target and no wavenumber")
    if len(channels) < BIN or len({float(name) for name in channels}) < len(channels):
        raise DataError(f"{data_file}: {len(channels)} channels; {BIN} or more of different wavenumbers are needed")
    return sorted(channels, key=float, reverse=True)


def batches_of(data_file, header, types):
    """Yield the columns that `types` names, as those types, in record batches."""
    with plain_errors(data_file, header):
        convert = pa.csv.ConvertOptions(column_types=types, include_columns=list(types))
        yield from pa.csv.open_csv(data_file, pa.csv.ReadOptions(block_size=1 << 22), convert_options=convert)


@contextlib.contextmanager
def plain_errors(data_file, header=()):
    """Give pyarrow's complaints about a file the name of the file, and of the column instead of its number."""
    try:
        yield
    except (pa.ArrowException, UnicodeDecodeError, OSError) as error:
        reason = re.sub(r"In CSV column #(\d+)", lambda number: f"column {header[int(number[1])]!r}", str(error))
        raise DataError(f"{data_file}: {reason[:300]}") from error


@contextlib.contextmanager
def written_whole(path):
    """Yield a temporary name to write to, which becomes `path` when all went well: never half a file."""
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    try:
        yield f"{path}.part"
        os.replace(f"{path}.part", path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.remove(f"{path}.part")


def folder(in_container, here):
    """The platform's folder where the platform has made its like below /opt/ml, or else this repository's own."""
    made = os.path.isdir("/".join(in_container.split("/")[:4]))
    return in_container if made else os.path.join(os.path.dirname(os.path.abspath(__file__)), here)


def main():
    parser = argparse.ArgumentParser(description="Step 2: raw spectra to model inputs.")
    source = folder("/opt/ml/processing/input/public", "data/public")
    parser.add_argument("--input", metavar="FILE", default=os.path.join(source, "public.csv.gz"))
    output = folder("/opt/ml/processing/output/preprocess", "data/preprocess")
    parser.add_argument("--output", metavar="FILE", default=os.path.join(output, "public.csv"))
    arguments, _ = parser.parse_known_args()
    with written_whole(arguments.output) as part, contextlib.ExitStack() as open_files:
        writer = None
        for inputs, _ in read(arguments.input):
            writer = writer or open_files.enter_context(pa.csv.CSVWriter(part, inputs.schema))
            writer.write_batch(inputs)
    print(f"preprocess: inputs in {arguments.output}", flush=True)


if __name__ == "__main__":
    try:
        main()
    except (DataError, OSError) as error:
        sys.exit(f"preprocess.py: {error}")
