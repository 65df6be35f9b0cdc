"""Score the unverified held-out predictions in held_out.csv, which a training job writes next to its model.

Each row should be predicted by a model that has not seen the row's drill hole, but recore has not verified this.
"""

import gzip
from pathlib import Path
from typing import TYPE_CHECKING

from recore.data_file import open_data
from recore.text import plain
from recore.untrusted_archives import read_files

if TYPE_CHECKING:
    import pyarrow as pa

HELD_OUT_NAME = "held_out.csv"  # name in model.tar.gz, if train.py has written it
ACTUAL, PREDICTED = "public.csv.gz", "public.csv.out"  # file names in a scoring job
MAX_BYTES, MAX_HEADER_BYTES = 256 << 20, 64 << 10
MAX_COLUMNS, MAX_CELLS = 1000, 20_000_000  # limits, because the file is parsed outside the sandbox
# By how much an unverified held-out score can exceed recore's if entire drill holes were held out, as a share of
# the best score. Over 30 parts of the sample data and four kinds of models, folds with other numbers, seeds or sizes
# scored at most 0.064 more; folds of shuffled rows at least 0.077, and 0.2 in the median.
MAX_PLAUSIBLE_GAP = 0.075
MIN_GROUPS = 5  # with fewer drill holes, such scores differ by more than this


class NoHeldOutScoreError(Exception):
    """The training job wrote no held-out predictions that can be scored; the message gives the reason."""


def is_overstated(unverified: float, recomputed: float, best: float, groups: int) -> bool:
    """Return whether an unverified held-out score is clearly higher than the recomputed one.

    best: the best possible score. groups: the number of drill holes in the data. Negative scores are unlimited and
    differ between folds, so they count as 0.
    """
    return groups >= MIN_GROUPS and unverified - max(recomputed, 0.0) > MAX_PLAUSIBLE_GAP * best


def extract_held_out(model: Path, destination: Path) -> None:
    """Copy held_out.csv from a model.tar.gz. Raises NoHeldOutScoreError if it is missing or too large."""
    content = read_held_out_bytes(model)
    destination.parent.mkdir(parents=True, exist_ok=True)
    destination.write_bytes(content)


def read_held_out_bytes(model: Path) -> bytes:
    """Return the bytes of held_out.csv in a model.tar.gz. Raises NoHeldOutScoreError if it is missing or too large."""
    try:
        content = read_files(model, [HELD_OUT_NAME], MAX_BYTES).get(HELD_OUT_NAME)
    except ValueError as error:
        raise NoHeldOutScoreError(f"{HELD_OUT_NAME} could not be read: {plain(str(error))}") from None
    if content is None:
        raise NoHeldOutScoreError(f"train.py did not write {HELD_OUT_NAME} next to the model")
    check_size(content)
    return content


def check_size(content: bytes) -> None:
    """Raise NoHeldOutScoreError if a held_out.csv would take too long to parse."""
    header = content[:MAX_HEADER_BYTES].partition(b"\n")[0]
    if header.count(b",") >= MAX_COLUMNS or len(header) == MAX_HEADER_BYTES:
        limits = f"{MAX_COLUMNS:,} columns or {MAX_HEADER_BYTES >> 10} kB"
        raise NoHeldOutScoreError(f"{HELD_OUT_NAME}: its first line has more than {limits}; list only the targets")
    if content.count(b",") + content.count(b"\n") > MAX_CELLS:
        raise NoHeldOutScoreError(f"{HELD_OUT_NAME} has more than {MAX_CELLS:,} cells; write a row for each public row")


def write_scored(predictions: Path, public: Path, folder: Path) -> None:
    """Write the inputs of score.py: the assays of the predicted rows (ACTUAL) and the predictions (PREDICTED).

    predictions: a held_out.csv. Raises NoHeldOutScoreError if it is invalid or does not match the public data.
    """
    import pyarrow as pa

    predicted = read_predictions(predictions)
    with open_data(public) as data:
        columns = {name: column for name, column in data.positions.items() if name in predicted.column_names[1:]}
        if not columns:
            raise NoHeldOutScoreError(f"{HELD_OUT_NAME} has none of the columns of the public data")
        assays = data.read(dict.fromkeys(columns.values(), pa.string())).rename_columns(list(columns)).combine_chunks()
    if len(predicted) != len(assays):
        raise NoHeldOutScoreError(f"{HELD_OUT_NAME} has {len(predicted)} rows, but the public data have {len(assays)}")
    _write_measured(assays, predicted, folder / ACTUAL)
    _write_lines(predicted, folder / PREDICTED)


def read_predictions(path: Path) -> "pa.Table":
    """Read the cells of a held_out.csv as strings. Raises NoHeldOutScoreError if the file is invalid."""
    import pyarrow as pa
    import pyarrow.csv

    try:
        names = pa.csv.open_csv(path).schema.names
        if len(set(names)) < len(names):
            raise NoHeldOutScoreError(f"{path.name} has a duplicate column")
        options = pa.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()))
        read = pa.csv.ReadOptions(block_size=1 << 24)
        return pa.csv.read_csv(path, read, convert_options=options).combine_chunks()
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise NoHeldOutScoreError(f"{path.name}: {plain(str(error), 300)}") from None


def _write_measured(assays: "pa.Table", predicted: "pa.Table", path: Path) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.csv

    empty = pa.scalar("", pa.string())
    columns = [pc.if_else(pc.equal(predicted[name], ""), empty, assays[name]) for name in assays.column_names]
    with gzip.open(path, "wb", compresslevel=1) as file:
        pa.csv.write_csv(pa.table(columns, names=assays.column_names), file)


def _write_lines(predicted: "pa.Table", path: Path) -> None:
    import pyarrow as pa
    import pyarrow.csv

    numbers = predicted.select(list(range(1, predicted.num_columns)))
    pa.csv.write_csv(numbers, path, pa.csv.WriteOptions(include_header=False))
