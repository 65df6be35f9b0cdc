"""Writing data files: complete or not at all, and equal files for equal content."""

import contextlib
import gzip
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

LEVEL = 1  # of gzip; 6 takes six times as long for files that are an eighth smaller

Columns = dict[str, np.ndarray]


@contextlib.contextmanager
def write_data_file(path: Path) -> Iterator[Callable[[Columns], None]]:
    """Yield a function that appends rows to a gzipped CSV, which gets its name when it is complete."""
    import pyarrow as pa  # here, because who only reads spectra must not need it
    import pyarrow.csv

    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    header = True

    def append(columns: Columns) -> None:
        nonlocal header
        table = pa.table({name: pa.array(values, from_pandas=True) for name, values in columns.items()})
        pa.csv.write_csv(table, file, pa.csv.WriteOptions(include_header=header))
        header = False

    try:
        # no name and no time in the gzip header, so that equal content gives equal files
        with open(part, "wb") as raw, gzip.GzipFile("", "wb", LEVEL, raw, mtime=0) as file:
            yield append
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
