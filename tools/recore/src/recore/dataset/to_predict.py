"""Read spectra for predictions, as the import does, except that an invalid spectrum does not affect the others.

No assay table is needed, and assays in the table of spectra are ignored.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import numpy as np

from recore.challenge import challenge
from recore.dataset.column_options import parse_columns
from recore.dataset.grids import Grid, grid_of_names, put_on_grid
from recore.dataset.importing import CHUNK, ImportResult, Row, join_repeated, make_rows, read_files, regrid, round_off
from recore.dataset.instruments.files import find_files, read_file
from recore.dataset.instruments.reading_options import ReadingOptions
from recore.dataset.instruments.spectrum import Numbers, Problem, Spectrum, find_reflectance
from recore.dataset.writing import Columns, write_data_file


@dataclass(frozen=True)
class FileSpectra:
    """The spectra in a file. is_complete: whether the entire file was read. remarks: notes on changes to them."""

    spectra: list[Spectrum]
    problems: list[Problem]
    remarks: list[str]
    is_complete: bool


def read_spectra(path: Path, grid: Grid, limit: int) -> FileSpectra:
    """Read at most `limit` spectra from a file, and interpolate them to the grid if needed.

    Values are rounded as by `import_files`, except values from a data file in the challenge's schema.
    """
    items: Iterator[Spectrum | Problem] = read_file(path, ReadingOptions(only_spectra=False))
    read = list(islice(items, limit))
    is_complete = next(items, None) is None
    spectra = [item for item in read if isinstance(item, Spectrum)]
    problems = [item for item in read if isinstance(item, Problem)]
    remarks = list(dict.fromkeys(remark for spectrum in spectra for remark in spectrum.remarks))
    _, question = find_reflectance(spectra)
    if question:
        return FileSpectra([], [*problems, Problem(str(path), question, "quantity")], remarks, is_complete)
    spectra, more, grid_remarks = put_on_grid(spectra, grid, interpolate=True)
    spectra = [item if item.in_schema else replace(item, absorbance=round_off(item.absorbance)) for item in spectra]
    return FileSpectra(spectra, problems + more, remarks + grid_remarks, is_complete)


@dataclass(frozen=True)
class SampleOptions:
    """Options for reading samples, as in ImportOptions.

    columns: options such as "SiteID=hole". Raises ValueError if a column is neither an ID nor the sample.
    """

    files: tuple[Path, ...]
    reading: ReadingOptions = field(default_factory=ReadingOptions)
    columns: tuple[str, ...] = ()
    replicates: str = "one"
    interpolate: bool = False

    def __post_init__(self) -> None:
        parse_id_columns(self.columns)

    @property
    def id_options(self) -> ReadingOptions:
        """The reading options, with the chosen ID columns and without remarks on other columns."""
        columns = parse_id_columns(self.columns)
        sample = columns.pop("sample", self.reading.sample)
        return replace(self.reading, only_spectra=False, sample=sample, id_columns=columns)


def parse_id_columns(options: Sequence[str]) -> dict[str, str]:
    """Parse options such as "SiteID=hole", which choose ID columns. Raises ValueError for targets and the index."""
    columns = parse_columns(options)
    if other := next((name for name in columns if name in challenge().targets or name == "index"), None):
        ids = ", ".join(challenge().sample_ids)
        raise ValueError(f"--column {other}={columns[other]}: only sample and the IDs ({ids}) can be specified here")
    return columns


def write_samples(
    options: SampleOptions,
    columns: Sequence[str],
    destination: Path,
    advance: Callable[[str, int, int], None] = lambda stage, done, total: None,
) -> ImportResult:
    """Write a data file with a row for each sample, in the order of the files.

    columns: the header of the training file, which determines the channels. advance: as in import_files. A sample
    without a usable spectrum gets a row with missing values. Nothing is written if no sample has a usable spectrum or
    the user must answer a question. Raises ValueError or OSError if the options or the set of files are invalid.
    """
    grid = grid_of_names(columns[1:])
    paths, remarks = find_files(options.files)
    result = ImportResult(remarks=remarks)
    spectra, samples = read_files(paths, options.id_options, result, advance)
    spectra, _ = regrid(spectra, grid, options.interpolate, result)
    unread = {problem.sample: problem.ids for problem in result.problems}
    result.problems = join_repeated(result.problems)
    rows = make_rows(spectra, options.replicates, result)
    if not rows or any(problem.question and not problem.sample for problem in result.problems):
        return result
    by_sample: dict[str, list[Row]] = {sample: [] for sample in samples}
    for row in rows:
        by_sample[row.sample].append(row)
    complete = [row for sample, group in by_sample.items() for row in group or [Row(sample, sample, [])]]
    result.rows, result.grid, result.spectra = len(complete), grid, len(spectra)
    with write_data_file(destination) as append:
        for start in range(0, len(complete), CHUNK):
            part = complete[start : start + CHUNK]
            append(_columns(part, grid.names, unread))
            advance("writing", start + len(part), len(complete))
    return result


def _columns(rows: Sequence[Row], channels: Sequence[str], unread: Mapping[str, Mapping[str, str]]) -> Columns:
    """Return the index, IDs and channels (NaN without a spectrum). unread: the IDs of rows without a spectrum."""
    ids = [row.spectra[0].ids if row.spectra else unread.get(row.sample, {}) for row in rows]
    columns: Columns = {"": np.array([row.index for row in rows], dtype=object)}
    columns |= {name: np.array([each.get(name, "") for each in ids], dtype=object) for name in challenge().ids}
    absorbance = np.array([_absorbance(row) if row.spectra else np.full(len(channels), np.nan) for row in rows])
    return columns | dict(zip(channels, absorbance.T, strict=True))


def _absorbance(row: Row) -> Numbers:
    """Return a row's absorbance (channels,), rounded unless it is one spectrum of a file in the challenge's schema."""
    is_in_schema = len(row.spectra) == 1 and row.spectra[0].in_schema
    return row.mean if is_in_schema else round_off(row.mean)
