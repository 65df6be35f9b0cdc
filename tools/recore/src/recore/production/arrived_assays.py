"""Read a table of measured assays for predicted samples, with a key for each sample and at least one target."""

import csv
import gzip
import io
import math
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recore.challenge import challenge
from recore.production.data_capture import MAX_VALUE, SampleKey, make_key
from recore.production.project import ProductionError
from recore.spectral_data import Floats
from recore.text import plain
from stagemaker import parse_number

INFERENCE_ID = "InferenceId"
GZIP = b"\x1f\x8b"
MAX_TABLE_BYTES = 1 << 27  # uncompressed; enough for about 400,000 samples


@dataclass(frozen=True)
class Assays:
    """The measured assays of samples.

    joined_by: the names of the key columns. rows: row numbers by inference ID or by the sample's IDs. samples: each
    row's sample IDs, or None if unknown. values: (samples, targets), with NaN for missing assays.
    """

    path: Path
    joined_by: str
    rows: dict[str | SampleKey, int]
    samples: list[SampleKey | None]
    values: Floats


def read_assays(path: Path) -> Assays:
    """Read a CSV or csv.gz with an InferenceId column or the challenge's ID columns, and at least one target column.

    Raises OSError or ProductionError.
    """
    all_targets = challenge().targets
    ids = challenge().sample_ids
    header, rows = _read_rows(path)
    targets = [name for name in all_targets if name in header]
    by_id = INFERENCE_ID in header
    if not targets:
        raise ProductionError(f"{path} has no target column; expected columns such as {all_targets[0]}")
    if not by_id and (len(ids) == 1 or not {*ids} <= header.keys()):
        columns = f"{INFERENCE_ID}, or columns {', '.join(ids[:-1])} and {ids[-1]}" if len(ids) > 1 else INFERENCE_ID
        raise ProductionError(f"{path} does not identify the samples; add the column {columns}")
    keys: dict[str | SampleKey, int] = {}
    samples: list[SampleKey | None] = []
    values: list[list[float]] = []
    for number, row in rows:
        location = f"{path}, line {number}"
        cells = {name: row[column].strip() for name, column in header.items()}
        sample = make_key([cells.get(name) for name in ids])
        key = cells[INFERENCE_ID] if by_id else sample
        if not key:
            ids_needed = f"an {INFERENCE_ID} is" if by_id else _format_needed_ids()
            raise ProductionError(f"{location}: {ids_needed} needed")
        numbers = [_read_number(location, name, cells[name]) if name in targets else math.nan for name in all_targets]
        if key not in keys:
            keys[key] = len(values)
            values.append(numbers)
            samples.append(sample)
        elif not np.array_equal(numbers, values[keys[key]], equal_nan=True):
            raise ProductionError(
                f"{location}: {format_key(key)} is listed twice with different assays; keep one of the rows"
            )
    table = np.array(values).reshape(-1, len(all_targets))
    if np.isnan(table).all():
        raise ProductionError(f"{path}: all target cells are empty")
    joined_by = INFERENCE_ID if by_id else format_id_names()
    return Assays(path, joined_by, keys, samples, table)


def format_key(key: str | SampleKey) -> str:
    if isinstance(key, str):
        return f"{INFERENCE_ID} {plain(key, 64)}"
    if challenge().depths:
        return f"hole {plain(str(key[0]), 64)} from {key[1]:g} to {key[2]:g} m"
    cells = zip(challenge().sample_ids, map(str, key), strict=True)
    return ", ".join(f"{name} {plain(cell, 64)}" for name, cell in cells)


def format_id_names() -> str:
    """Return a phrase with the names of the IDs that identify a sample, such as "SiteID and depths"."""
    known = challenge()
    others = [name for name in known.sample_ids[1:] if name not in known.depths]
    return " and ".join([known.group, *(["depths"] if known.depths else []), *others])


def _format_needed_ids() -> str:
    return f"{challenge().group} and two numeric depths are" if challenge().depths else f"{format_id_names()} are"


def _read_rows(path: Path) -> tuple[dict[str, int], list[tuple[int, list[str]]]]:
    try:
        with path.open("rb") as file:
            is_packed = file.read(len(GZIP)) == GZIP
            file.seek(0)
            content = (gzip.GzipFile(fileobj=file) if is_packed else file).read(MAX_TABLE_BYTES + 1)
        if len(content) > MAX_TABLE_BYTES:
            raise ProductionError(f"{path} is larger than {MAX_TABLE_BYTES >> 20} MB (uncompressed)")
        reader = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        names = [name.strip() for name in next(reader, [])]
        rows = [(reader.line_num, row) for row in reader if row]
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: there is no such file") from None
    except (ValueError, EOFError, zlib.error, gzip.BadGzipFile, csv.Error) as error:
        raise ProductionError(f"{path} could not be read as CSV or csv.gz: {plain(str(error), 200)}") from None
    for name in (INFERENCE_ID, *challenge().sample_ids, *challenge().targets):
        if names.count(name) > 1:
            raise ProductionError(f"{path}: the column {name} appears more than once; keep one of them")
    for number, row in rows:
        if len(row) != len(names):
            raise ProductionError(f"{path}, line {number} has {len(row)} cells, but the header has {len(names)}")
    if not rows:
        raise ProductionError(f"{path} contains no samples")
    return {name: column for column, name in enumerate(names) if name}, rows


def _read_number(location: str, name: str, cell: str) -> float:
    if cell.lower() in ("", "nan", "na"):
        return math.nan
    number = parse_number(cell)
    if number is None or abs(number) > MAX_VALUE:
        raise ProductionError(
            f"{location}, {name}: {plain(cell, 40)!r} is not a number; leave the cell empty if it was not measured"
        )
    return number
