"""Step 2: convert raw spectra to model inputs.

The platform runs this file ALONE, as `python preprocess.py`, without your other files or the model. Private data have
no targets there. train.py and predict.py call `preprocess(data_file)`.

Edit or replace it; the other scripts need preprocess() and GROUP. Train again afterwards. Follow three rules:
  - Return one row of inputs for each row of the file, in the same order. Otherwise predictions are compared with the
    wrong assays.
  - Compute the inputs of a row from that row alone, because in production rows arrive a few at a time.
  - Do not use numbers as column names, because a server would read such a header as a row.
"""

import argparse
import os
import re
import sys

import numpy as np
import pandas as pd

IDS = ["DepthTo", "SiteID", "DepthFrom"]
GROUP = "SiteID"  # the ID whose rows are held out together: the drill hole
TARGETS = (  # the same as in score.py, which is not uploaded
    "AgPPM AsPPM AuPPM BaPPM BiPPM CdPPM CoPPM CuPPM FePCT MnPPM MoPPM NiPPM PPCT PbPPM SPPM SbPPM SePPM "
    "SnPPM SrPPM TePPB ThPPB UPPB VPCT WPPM ZnPPM ZrPPM BePPM AlPPM CaPPM CePPM CrPPM CsPPM GaPPM GePPM "
    "HfPPM InPPM KPPM LaPPM LiPPM MgPPM NaPPM NbPPM RbPPM RePPM ScPPM TaPPM TiPPM TlPPM YPPM"
).split()

EDGE = 100  # channels at each end that are not used to normalise a spectrum, because detectors are noisy there
BIN = 7  # neighbouring channels that are summed into one bin; an incomplete bin at the upper end is dropped
DECIMALS = 5  # decimal places of a bin in the CSV; any more would be instrument noise


class DataError(ValueError):
    """The data are invalid; the message says where."""


def preprocess(data_file: str) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """Return the inputs and targets of a data file, both with the file's index, in the order of its rows.

    inputs: one column per bin, no IDs. targets: the assays, NaN where missing, or None if the file has no assays.
    """
    data = read(data_file)
    channels = [name for name in data if name not in IDS and name not in TARGETS]
    for name in channels:
        if not re.fullmatch(r"\d+(\.\d+)?", name):
            raise DataError(f"{data_file}: the column {name!r} is not an ID, a target or a number (a channel)")
    if len(channels) < BIN:
        raise DataError(f"{data_file}: at least {BIN} comma-separated channels are needed, not {len(channels)}")
    channels.sort(key=float)  # files list them in ascending or descending order
    bins = to_bins(numbers(data[channels], data_file))
    usable = np.isfinite(bins).all(axis=1)
    if not usable.all():
        raise DataError(f"{data_file}, index {data.index[usable.argmin()]}: normalisation needs a value above zero")
    ends = zip(channels[::BIN], channels[BIN - 1 :: BIN], strict=False)
    inputs = pd.DataFrame(bins, data.index, [f"bin_{first}_{last}" for first, last in ends])
    if not any(name in TARGETS for name in data):
        return inputs, None
    targets = data.reindex(columns=TARGETS)
    return inputs, pd.DataFrame(numbers(targets, data_file, gaps=True), data.index, TARGETS)


def to_bins(spectra: np.ndarray) -> np.ndarray:
    """Convert spectra (rows, channels) to bins (rows, channels // BIN).

    Each spectrum is clipped to the minimum and maximum of its channels between the edges, and divided by that maximum.
    Sums of BIN neighbouring channels are rounded as in the CSV, so that bins are the same in memory, in a file and over
    HTTP.
    """
    edge = min(EDGE, spectra.shape[1] // 20)
    window = spectra[:, edge : spectra.shape[1] - edge]
    low, high = window.min(axis=1, keepdims=True), window.max(axis=1, keepdims=True)
    normalised = spectra.clip(low, high) / np.where(high > 0, high, np.nan)
    n_binned = spectra.shape[1] // BIN * BIN
    return normalised[:, :n_binned].reshape(len(spectra), -1, BIN).sum(axis=2).round(DECIMALS)


def read(data_file: str) -> pd.DataFrame:
    """Read a data file into a DataFrame with the first column as its index."""
    try:
        header = pd.read_csv(data_file, header=None, nrows=1, dtype=str).iloc[0]
        data = pd.read_csv(data_file, index_col=0, low_memory=False)
    except Exception as error:  # for any reason, the file cannot be read
        missing = (
            "there is no such file; create it with `recore sample --out data` or `unearthed new`; in jobs, it is in "
            "/opt/ml/input/data/training (train.py) or /opt/ml/processing/input/public (preprocess.py)"
        )
        reason = missing if isinstance(error, FileNotFoundError) else str(error).strip()
        raise DataError(f"{data_file}: {reason}") from error
    if header.duplicated().any():  # pandas has renamed the second one, possibly to a channel's name
        raise DataError(f"{data_file}: the column {header[header.duplicated()].iloc[0]!r} appears more than once")
    if data.index.name in [*IDS, *TARGETS] or re.fullmatch(r"\d+(\.\d+)?", str(data.index.name)):
        raise DataError(f"{data_file}: the first column must be the index, not {data.index.name!r}")
    if data.empty:
        raise DataError(f"{data_file}: it has no rows, or its columns are not separated by commas")
    return data


def numbers(table: pd.DataFrame, data_file: str, gaps: bool = False) -> np.ndarray:
    """Convert a table to an array of finite numbers. gaps: whether empty cells become NaN."""
    others = table.columns[[kind.kind not in "iuf" for kind in table.dtypes]]
    values = table.assign(**{name: pd.to_numeric(table[name].astype(str), "coerce") for name in others}).to_numpy(float)
    invalid = ~np.isfinite(values) & ~(gaps & table.isna().to_numpy())
    if invalid.any():
        row, column = np.argwhere(invalid)[0]
        cell = "empty" if pd.isna(table.iat[row, column]) else repr(str(table.iat[row, column]))
        location = f"{data_file}, index {table.index[row]}, column {table.columns[column]!r}"
        raise DataError(f"{location}: {cell} is not a finite number")
    return values


def default_folder(on_platform: str, local: str) -> str:
    """Return the platform's folder if it exists, otherwise `local`, relative to this file's folder."""
    next_to_script = os.path.join(os.path.dirname(os.path.abspath(__file__)), local)
    return on_platform if os.path.isdir(on_platform) else next_to_script


def main() -> None:
    parser = argparse.ArgumentParser(description="Step 2: convert raw spectra to model inputs.", allow_abbrev=False)
    source = default_folder("/opt/ml/processing/input/public", "data/public")
    output = default_folder("/opt/ml/processing/output/preprocess", "data/preprocess")
    parser.add_argument("--input", default=os.path.join(source, "public.csv.gz"), help="data file (%(default)s)")
    parser.add_argument("--output", default=os.path.join(output, "public.csv"), help="CSV file to write (%(default)s)")
    arguments, unknown = parser.parse_known_args()
    inputs, _ = preprocess(arguments.input)
    os.makedirs(os.path.dirname(os.path.abspath(arguments.output)), exist_ok=True)
    inputs.to_csv(f"{arguments.output}.part")
    os.replace(f"{arguments.output}.part", arguments.output)  # so that the output is never incomplete
    ignored = f"; ignored arguments: {' '.join(unknown)}" if unknown else ""
    print(f"preprocess: wrote {len(inputs)} rows of {arguments.input} to {arguments.output}{ignored}", flush=True)


if __name__ == "__main__":
    try:
        main()
    except (DataError, OSError) as error:
        sys.exit(f"preprocess.py: {error}")
