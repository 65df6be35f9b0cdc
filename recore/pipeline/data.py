"""The data files of a run, looked at before anything starts."""

import csv
import gzip
import math
import zlib
from dataclasses import dataclass
from pathlib import Path

IDS = ("SiteID", "DepthFrom", "DepthTo")
HEADER = 4 << 20  # bytes of a first line


@dataclass(frozen=True)
class Data:
    """Public data with assays; private data without; the private assays, which the scoring job alone may see."""

    public: Path
    private: Path | None = None
    actual: Path | None = None

    @property
    def files(self) -> dict[str, Path]:
        named = {"public": self.public, "private": self.private, "actual": self.actual}
        return {name: path for name, path in named.items() if path}

    def check(self) -> None:
        """Raises ValueError or OSError where a file is none of this kind, or the private data hold more than inputs."""
        if self.actual and not self.private:
            raise ValueError(f"{self.actual}: assays of private data, and no private data: name them by --private")
        headers = {name: header(path) for name, path in self.files.items()}
        index, *columns = headers.get("private", [""])
        elsewhere = {column for name in ("public", "actual") for column in headers.get(name, [])[1:]}
        measured = [index] if index in elsewhere else []  # a file written without an index
        for column in measured + columns:
            if column not in IDS and not _is_number(column):
                raise ValueError(
                    f"{self.private}: column {column[:40]!r} is neither an ID nor a wavenumber. A submission would see it: "
                    "private data are inputs alone, their assays a file of their own, --actual"
                )


def header(path: Path) -> list[str]:
    """The column names of a gzipped CSV. Raises ValueError or OSError where there are none to read."""
    try:
        with gzip.open(path, "rb") as file:
            line = file.readline(HEADER)
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: there is no such file; `python -m recore sample` makes sample data") from None
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{path}: a gzipped CSV is needed: {error}") from None
    try:
        names = next(csv.reader([line.decode("utf-8", "replace")], strict=True), [])
    except csv.Error as error:
        raise ValueError(f"{path}: its first line is no header: {error}") from None
    if len(names) < 2 or len(line) == HEADER:
        raise ValueError(f"{path}: a header of an index and columns, separated by commas, is needed")
    return names


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
