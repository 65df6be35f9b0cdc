"""Split one table into the files of a challenge: public, private, and the assays of the private rows.

Entire groups, such as drill holes, become private: neighbouring samples are so similar that scores would be optimistic
if rows were split at random. Cells are copied verbatim.
"""

import contextlib
import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import compress
from pathlib import Path

import numpy as np

from recore.challenge import challenge
from recore.data_file import DataFile, open_data
from recore.dataset.sample_files import SAMPLE_FILES
from recore.dataset.similar_names import note_similar_holes
from recore.dataset.writing import check_not_existing, write_gzipped
from recore.listing import count, list_names
from recore.schema import is_wavenumber
from recore.text import plain

MAX_LISTED = 5  # names in a message
SHARE_PATTERN = re.compile(r"(?P<percent>\d+(\.\d+)?)\s*%|(?P<share>0?\.\d+)")


@dataclass(frozen=True)
class Split:
    """A finished split. paths: the public, private and actual files. public, private: the number of rows by hole.

    note: a note on holes with similar names, or "".
    """

    paths: tuple[Path, Path, Path]
    public: dict[str, int]
    private: dict[str, int]
    note: str


def split_table(path: Path, holes: str, folder: Path, seed: int = 0, overwrite: bool = False) -> Split:
    """Write public/public.csv.gz, private/private.csv.gz and private/actual.csv.gz to a folder, or none of them.

    holes: the private holes: a fraction such as 30% or 0.3, or names separated by commas. seed: the random seed.
    Raises FileExistsError if one of the files exists, unless `overwrite`, and ValueError or OSError if the table cannot
    be split or one data set would be empty.
    """
    paths = (folder / SAMPLE_FILES[0], folder / SAMPLE_FILES[1], folder / SAMPLE_FILES[2])
    check_not_existing(paths, overwrite)
    if any(each.exists() and path.exists() and each.samefile(path) for each in paths):
        raise ValueError(f"{path}: the split would overwrite this file; choose another --out")
    with contextlib.ExitStack() as stack:
        data = stack.enter_context(open_data(path))
        header = [name.strip() for name in data.header]
        _check_columns(header, path)
        position = header.index(challenge().group)
        rows = _count_rows(data, position)
        private = _choose_holes(holes, sorted(rows), seed, path)
        is_assay = [name in challenge().targets for name in header]
        inputs, assays = [not each for each in is_assay], [True, *is_assay[1:]]
        public_rows, private_rows, actual_rows = (stack.enter_context(_write_rows(each)) for each in paths)
        for number, cells in enumerate(data.rows()):
            is_private = number and cells[position].strip() in private
            if not is_private:
                public_rows(cells)
            if is_private or not number:
                private_rows(compress(cells, inputs))
                actual_rows(compress(cells, assays))
    public_part, private_part = (
        {name: rows[name] for name in rows if (name in private) == side} for side in (False, True)
    )
    return Split(paths, public_part, private_part, note_similar_holes(rows))


def _check_columns(header: list[str], path: Path) -> None:
    """Raise ValueError if columns are missing, duplicate or unknown: unknown ones would be in the private data."""
    targets = challenge().targets
    group = challenge().group
    index, *names = header
    repeated = [name for name, number in Counter(names).items() if number > 1]
    if index in {*challenge().ids, *targets} or is_wavenumber(index):
        reason = f"the first column must be the index, but its name is {plain(index, 40)!r}"
    elif repeated:
        reason = f"{count(len(repeated), 'repeated column')}: {_quote_names(repeated)}"
    elif group not in names:
        reason = f"the column {group!r} ({challenge().group_name}) is missing; the split needs it"
    elif unknown := challenge().unknown_columns(names):
        reason = (
            f"{count(len(unknown), 'unknown column')}, which private data must not have: {_quote_names(unknown)}; keep "
            "only IDs, wavenumbers and targets"
        )
    elif not any(name in targets for name in names):
        reason = f"target columns such as {challenge().example} are missing"
    elif not any(map(is_wavenumber, names)):
        reason = "channels are missing; their columns are named by wavenumbers such as 3997.4"
    else:
        return
    raise ValueError(f"{path}: {reason}")


@contextlib.contextmanager
def _write_rows(path: Path) -> Iterator[Callable[[Iterable[str]], object]]:
    with write_gzipped(path) as file, io.TextIOWrapper(file, "utf-8", newline="") as lines:
        yield csv.writer(lines, lineterminator="\n").writerow


def _count_rows(data: DataFile, position: int) -> Counter[str]:
    holes = (cells[position].strip() for cells in data.rows())
    next(holes)
    rows = Counter(holes)
    if not rows:
        raise ValueError(f"{data.path}: the file has a header but no rows")
    if rows[""]:
        raise ValueError(
            f"{data.path}: {count(rows[''], 'row')} without a {challenge().group_name} ({challenge().group}): add it, "
            "or remove the rows"
        )
    return rows


def _choose_holes(holes: str, names: list[str], seed: int, path: Path) -> set[str]:
    """Choose the private holes. names: all holes in sorted order."""
    name = challenge().group_name
    if share := SHARE_PATTERN.fullmatch(holes.strip()):
        number = round(len(names) * (float(share["percent"]) / 100 if share["percent"] else float(share["share"])))
        chosen_holes = {names[position] for position in np.random.default_rng(seed).permutation(len(names))[:number]}
    else:
        # a name can contain a comma: alone, or in quotation marks
        listed = [holes] if holes in names else next(csv.reader([holes], skipinitialspace=True), [])
        chosen_holes = {name.strip() for name in listed} - {""}
        if unknown := sorted(chosen_holes - set(names)):
            quoted = next((f"; quote a name with a comma: '\"{each}\"'" for each in names if "," in each), "")
            raise ValueError(
                f"{path}: there is no {name} {_quote_names(unknown)}; the {name}s are {list_names(names, MAX_LISTED)}; "
                f"write a fraction as 30% or 0.3{quoted}"
            )
    if not 0 < len(chosen_holes) < len(names):
        side = "public" if chosen_holes else "private"
        raise ValueError(f"{path}: --holes {holes} would make none of the {count(len(names), name)} {side}")
    return chosen_holes


def _quote_names(names: list[str]) -> str:
    return list_names([repr(plain(name, 40)) for name in names], MAX_LISTED)
