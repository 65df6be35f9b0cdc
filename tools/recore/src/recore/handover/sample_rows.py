"""A few rows of the public data without their assays, and what the run predicted for them."""

import gzip
import itertools
from pathlib import Path

from recore.data_file import open_data
from recore.handover.run_files import HandedRun
from recore.schema import TARGETS

ROWS = 10


def write_sample(run: HandedRun, folder: Path) -> int:
    """Write spectra.csv.gz and predictions.csv into a folder, as text that is copied. Returns the number of rows.

    Rows are equally far apart. Raises ValueError if the predictions are not as many as the rows.
    """
    rows = run.data.rows
    chosen = {place * rows // min(ROWS, rows) for place in range(min(ROWS, rows))}
    with (
        open_data(run.public) as data,
        gzip.GzipFile(folder / "spectra.csv.gz", "wb", mtime=0) as packed,
    ):
        table = data.rows()
        header = next(table)
        kept = [place for place, name in enumerate(header) if not place or name not in TARGETS]
        for cells in itertools.chain([header], (row for place, row in enumerate(table) if place in chosen)):
            packed.write((",".join(_quote(cells[place]) for place in kept) + "\n").encode())
    predictions = (run.folder / "predictions/public.csv.out").read_text("utf-8").splitlines()
    if len(predictions) != rows:
        raise ValueError(f"{run.folder}/predictions/public.csv.out: {len(predictions)} lines instead of {rows}")
    lines = [predictions[place] for place in sorted(chosen)]
    (folder / "predictions.csv").write_text("\n".join(lines) + "\n", "utf-8")
    return len(chosen)


def _quote(cell: str) -> str:
    quoted = cell.replace('"', '""')
    return f'"{quoted}"' if any(mark in cell for mark in ',"\r\n') else cell
