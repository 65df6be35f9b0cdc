"""A data file as it is: what can be read of it, and what is wrong with it in words, where a submission would stop."""

import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from recore.pipeline.data import IDS, read_header
from recore.pipeline.text import plain

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SpectralData:
    """One file. Channels by falling wavenumber; what is no number, or not finite, is NaN.

    index, hole: (rows,) text. depth_from, depth_to: (rows,) m. wavenumbers: (channels,) cm-1. spectra: (rows, channels)
    absorbance. assays: a column for each of the 49 targets that the file has. problems: what a reader should mend.
    """

    path: Path
    index: NDArray[Any]
    hole: NDArray[Any]
    depth_from: Floats
    depth_to: Floats
    wavenumbers: Floats
    spectra: Floats
    assays: "pd.DataFrame"
    problems: tuple[str, ...]

    @property
    def rows(self) -> int:
        return len(self.index)

    @property
    def depth(self) -> Floats:
        """The middle of each sample."""
        return (self.depth_from + self.depth_to) / 2


def read_data(path: Path) -> SpectralData:
    """Read a gzipped data file, whatever state its cells are in.

    Raises ValueError or OSError where it is no gzipped CSV with a header, a row and a channel.
    """
    import pandas as pd

    from recore.dataset.targets import DETECTION_LIMITS

    names = read_header(path)
    problems = []
    if twice := sorted(name for name, count in Counter(names[1:]).items() if count > 1):
        problems.append(f"columns that are there more than once, of which the first is read: {_list(twice)}")
    places = {name: place for place, name in reversed(list(enumerate(names))) if place}
    channels = sorted((name for name in places if _wavenumber(name)), key=float, reverse=True)
    if len({float(name) for name in channels}) < len(channels):
        problems.append("two channels have the same wavenumber, written differently")
    targets = [name for name in DETECTION_LIMITS if name in places]
    if strange := sorted(set(places) - {*IDS, *channels, *targets}):
        problems.append(f"columns that are neither an ID, a wavenumber nor a target: {_list(strange)}")
    if names[0] in {*IDS, *targets} or _wavenumber(names[0]):
        problems.append(f"the first column must be the index; it is {plain(names[0], 40)!r}, and is taken for it")
    if absent := [name for name in IDS if name not in places]:
        problems.append(f"columns that are not there: {_list(absent)}")
    if not channels:
        raise ValueError(f"{path}: no column is named by a wavenumber, such as 3997.4: there is no spectrum to look at")
    numbers = [name for name in (*channels, *targets, "DepthFrom", "DepthTo") if name in places]
    table, words = _table(path, len(names), [places[name] for name in numbers])
    problems += [f"column {plain(numbers[place], 40)!r}: {said}" for place, said in words[:20]]
    if len(words) > 20:
        problems.append(f"{len(words) - 20} more columns hold what is no number")
    columns = {name: _floats(table[str(places[name])]) for name in numbers}
    nothing = np.full(len(table), np.nan)
    spectra = np.column_stack([columns[name] for name in channels])
    return SpectralData(
        path=path,
        index=_texts(table["0"]),
        hole=_texts(table[str(places["SiteID"])]) if "SiteID" in places else np.full(len(table), "", dtype=object),
        depth_from=columns.get("DepthFrom", nothing),
        depth_to=columns.get("DepthTo", nothing),
        wavenumbers=np.array([float(name) for name in channels]),
        spectra=spectra,
        assays=pd.DataFrame({name: columns[name] for name in targets}, index=range(len(table))),
        problems=tuple(problems),
    )


def _table(path: Path, width: int, numeric: list[int]) -> tuple["pa.Table", list[tuple[int, str]]]:
    """The file's columns, named by their places; and which of the numeric ones hold words, with one of them."""
    import pyarrow as pa
    import pyarrow.csv

    names = [str(place) for place in range(width)]
    types = {name: pa.string() for name in names} | {str(place): pa.float64() for place in numeric}

    def read(types: dict[str, Any]) -> pa.Table:
        options = pa.csv.ReadOptions(column_names=names, skip_rows=1, block_size=1 << 24)
        convert = pa.csv.ConvertOptions(column_types=types, strings_can_be_null=False)
        return pa.csv.read_csv(path, options, convert_options=convert)

    try:
        try:
            table, words = read(types), list[tuple[int, str]]()
        except pa.ArrowInvalid as error:
            if "conversion error" not in str(error):
                raise
            table, words = _numbers(read(dict.fromkeys(names, pa.string())), numeric)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: {plain(str(error), 300)}") from error
    if not len(table):
        raise ValueError(f"{path}: a header, but no row")
    return table, words


def _numbers(table: "pa.Table", numeric: list[int]) -> tuple["pa.Table", list[tuple[int, str]]]:
    """Make numbers of text column by column; what is none becomes NaN and is told of."""
    import pandas as pd
    import pyarrow as pa

    words: list[tuple[int, str]] = []
    for order, place in enumerate(numeric):
        text = table[str(place)].to_pandas().str.strip()
        made = pd.to_numeric(text, errors="coerce")
        wrong = made.isna() & ~text.str.lower().isin(["", "nan", "na", "null", "n/a", "#n/a"])
        if wrong.any():
            words.append((order, f"{wrong.sum()} cells are no number, such as {plain(text[wrong].iloc[0], 40)!r}"))
        table = table.set_column(place, str(place), pa.array(made.astype(float)))
    return table, words


def _floats(column: Any) -> Floats:
    values: Floats = column.to_numpy()
    return np.where(np.isfinite(values), values, np.nan)


def _texts(column: Any) -> NDArray[Any]:
    texts: NDArray[Any] = column.to_numpy()
    return texts


def _wavenumber(name: str) -> bool:
    try:
        return math.isfinite(float(name)) and float(name) > 0
    except ValueError:
        return False


def _list(names: list[str]) -> str:
    shown = ", ".join(repr(plain(name, 40)) for name in names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"
