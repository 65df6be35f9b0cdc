"""Write data files completely or not at all. Equal contents produce equal files."""

import contextlib
import gzip
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from recore.atomic import replace_paths

LEVEL = 1  # gzip's level; 6 takes six times as long, and the files are an eighth smaller

Columns = dict[str, np.ndarray]


@contextlib.contextmanager
def write_data_file(path: Path) -> Iterator[Callable[[Columns], None]]:
    """Yield a function that appends rows to a gzipped CSV, which appears under its final name only once complete."""
    import pyarrow as pa  # imported here, because reading spectra must not require it
    import pyarrow.csv

    header = True

    def append(columns: Columns) -> None:
        nonlocal header
        table = pa.table({name: pa.array(values, from_pandas=True) for name, values in columns.items()})
        pa.csv.write_csv(table, file, pa.csv.WriteOptions(include_header=header))
        header = False

    with write_gzipped(path) as file:
        yield append


@contextlib.contextmanager
def write_gzipped(path: Path) -> Iterator[gzip.GzipFile]:
    """Yield a gzip file to write bytes to, which appears under its final name only once complete."""
    # no name and no time in the gzip header, so that equal content gives equal files
    with replace_paths(path) as (part,), open(part, "wb") as raw, gzip.GzipFile("", "wb", LEVEL, raw, mtime=0) as file:
        yield file


def check_not_existing(paths: Iterable[Path], overwrite: bool) -> None:
    """Raise FileExistsError if one of the files exists, unless `overwrite`."""
    for path in paths:
        if path.exists() and not overwrite:
            raise FileExistsError(f"{path} already exists; choose another --out, or replace it with --force")
