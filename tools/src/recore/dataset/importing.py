"""From an instrument's files and a laboratory's table to one data file in the challenge's schema."""

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from recore.dataset import grids
from recore.dataset.assay_table import AssayTable, holds_assays, read_assays
from recore.dataset.columns import parse_columns
from recore.dataset.grids import Grid
from recore.dataset.instruments.files import Reading, find_files, read_file
from recore.dataset.instruments.spectrum import Problem, Spectrum, looks_like_reflectance
from recore.dataset.plausible import SuspectedUnit
from recore.dataset.units import CONTENT_PATTERNS, CONTENT_UNITS, DEPTH_UNITS, SYNONYMS, unit_in_name
from recore.dataset.writing import Columns, write_data_file
from recore.listing import list_names
from recore.outputs import check_writable
from recore.schema import IDS

DECIMALS = 6  # of an absorbance: far below the noise of any instrument
CHUNK = 500  # rows that are written at a time
SHOWN = 5  # samples that a message names


@dataclass(frozen=True)
class ImportOptions:
    """What to import, and how.

    `assays`: the assay table, which can be the file of spectra itself; that is the default if it is the only file and
    has assays or IDs. `columns`: columns of the assay table, such as "CuPPM=Cu_pct". `depth_unit`: that of its depths,
    metres by default. `replicates`: "one" (several spectra of a sample are a problem), "mean" or "each". `like`: a data
    file whose channels the new file gets. `interpolate`: spectra on other grids are interpolated instead of being a
    problem. `only_listed`: samples that are not in the assay table are ignored. `keep_going`: problems do not stop the
    rest.
    """

    files: tuple[Path, ...]
    out: Path
    assays: Path | None = None
    columns: tuple[str, ...] = ()
    depth_unit: str | None = None
    reading: Reading = field(default_factory=Reading)
    replicates: str = "one"
    like: Path | None = None
    interpolate: bool = False
    only_listed: bool = False
    keep_going: bool = False
    overwrite: bool = False

    def __post_init__(self) -> None:
        if self.out.suffix != ".gz":
            raise ValueError(f"{self.out}: data files are gzipped; choose a name that ends in .csv.gz")
        self._check_words()
        needs_table = {"--only-listed": self.only_listed, "--column": self.columns, "--depth-unit": self.depth_unit}
        if self.table is None and (options := [name for name, value in needs_table.items() if value]):
            raise ValueError(f"{options[0]} needs an assay table: name it with --assays")
        if self.out.exists() and not self.overwrite:
            raise FileExistsError(f"{self.out} already exists: choose another --out, or replace it with --force")
        check_writable(self.out)

    def _check_words(self) -> None:
        """Raise ValueError if the file names contain a word of a column's name that the shell has split."""
        names = [column for column in self.columns if " " not in column]
        without_unit = [name for name in names if not unit_in_name(name.partition("=")[2], CONTENT_PATTERNS)]
        for word in self.files:
            unit = str(word).strip("()[]").lower()
            if names and unit in (*CONTENT_UNITS, *SYNONYMS, *DEPTH_UNITS) and not word.exists():
                example = f'--column "{(without_unit or names)[0]} {word}"'
                raise ValueError(f"{word}: there is no such file; a column name with spaces needs quotes: {example}")

    @cached_property
    def table(self) -> Path | None:
        """The assay table; without `assays` the only file, if it has assays or IDs or `columns` names some in it."""
        if self.assays is None and len(self.files) == 1 and self.files[0].is_file():
            return self.files[0] if self.columns or holds_assays(self.files[0]) else None
        return self.assays

    @property
    def is_one_table(self) -> bool:
        """Whether the file of spectra is the assay table, too."""
        files = [os.path.realpath(path) for path in self.files]
        return self.table is not None and files == [os.path.realpath(self.table)]


@dataclass
class ImportResult:
    """The result of an import. `rows` is 0 and `grid` None if nothing was written because of `problems`."""

    rows: int = 0
    spectra: int = 0
    grid: Grid | None = None
    problems: list[Problem] = field(default_factory=list)
    suspected: list[SuspectedUnit] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


@dataclass
class Row:
    """A row of the data file: its sample, its name, and the spectra whose mean it holds."""

    sample: str
    index: str
    spectra: list[Spectrum]


def import_files(
    options: ImportOptions, advance: Callable[[str, int, int], None] = lambda stage, done, total: None
) -> ImportResult:
    """Write the data file; if there are problems, only with `keep_going`.

    `advance` is called with what is being done, and how many of how many files or rows are done. Raises ValueError or
    OSError if the options, the assay table or the set of spectra as a whole are invalid; problems of single files are
    in the result.
    """
    columns = parse_columns(options.columns)
    table = None
    if options.table:
        table = read_assays(options.table, columns, options.depth_unit, options.is_one_table)
    reading = replace(options.reading, only_spectra=not options.is_one_table)
    grid = grids.grid_of_file(options.like) if options.like else None
    paths, remarks = find_files(options.files)
    paths = _without_table(paths, options, remarks)
    result = ImportResult(remarks=remarks)
    if table:
        result.remarks += table.remarks
        result.suspected = table.suspected
    spectra: list[Spectrum] = []
    for done, path in enumerate(paths):
        advance("reading", done, len(paths))
        for item in read_file(path, reading):
            if isinstance(item, Problem):
                result.problems.append(item)
            else:
                spectra.append(item)
    if table:
        spectra = _listed(spectra, table, options.only_listed, result)
    spectra = _without_repeats(spectra, result)
    _add_remarks(spectra, result)
    if spectra:
        grid = grid or grids.most_common_grid(spectra, options.interpolate)
        spectra, problems, remarks = grids.put_on_grid(spectra, grid, options.interpolate)
        result.problems += problems
        result.remarks += remarks
    rows = _rows(spectra, options.replicates, result)
    if table:
        rows = _in_order_of_table(rows, table, result)
    if grid and rows and (options.keep_going or not result.problems):
        _write(options.out, grid, rows, table, lambda done: advance("writing", done, len(rows)))
        result.rows, result.grid, result.spectra = len(rows), grid, sum(len(row.spectra) for row in rows)
    return result


def _without_table(paths: list[Path], options: ImportOptions, remarks: list[str]) -> list[Path]:
    """The files without the assay table, which may be in the same folder. Raises ValueError if --out is an input."""
    real = {os.path.realpath(path): path for path in paths}
    inputs = [*real, *(os.path.realpath(path) for path in (options.table, options.like) if path)]
    if os.path.realpath(options.out) in inputs:
        raise ValueError(f"{options.out} is an input to this import and would be overwritten: choose another --out")
    if options.table and not options.is_one_table and real.pop(os.path.realpath(options.table), None):
        remarks.append(f"{options.table}: the assay table is among the spectrum files, and was not read as a spectrum")
    return list(real.values())


def _listed(spectra: list[Spectrum], table: AssayTable, only_listed: bool, result: ImportResult) -> list[Spectrum]:
    """The spectra of the samples in the table."""
    samples = set(table.samples)
    listed = [spectrum for spectrum in spectra if spectrum.sample in samples]
    unlisted: dict[str, str] = {}
    for spectrum in spectra:
        if spectrum.sample not in samples:
            unlisted.setdefault(spectrum.sample, spectrum.source)
    if unlisted and only_listed:
        result.remarks.append(f"{len(spectra) - len(listed)} spectra of samples that are not listed were ignored")
    elif unlisted:
        reason = f"has no row in {table.path}; --only-listed ignores such samples"
        result.problems += [Problem(source, f"its sample {name!r} {reason}") for name, source in unlisted.items()]
    return listed


def _without_repeats(spectra: list[Spectrum], result: ImportResult) -> list[Spectrum]:
    """The first spectrum of each sample and replicate."""
    first: dict[tuple[str, str], Spectrum] = {}
    for spectrum in spectra:
        # a name without a number counts as replicate 0, which is what a row of its own would be called
        known = first.setdefault((spectrum.sample, spectrum.replicate or "0"), spectrum)
        if known is not spectrum:
            name = f"sample {spectrum.sample!r}" + (f", replicate {spectrum.replicate}" if spectrum.replicate else "")
            result.problems.append(Problem(spectrum.source, f"{name} is already in {known.source}"))
    return list(first.values())


def _add_remarks(spectra: list[Spectrum], result: ImportResult) -> None:
    """Add how many spectra were converted, and whether they look like something else than absorbance."""
    counts = Counter(remark for spectrum in spectra for remark in spectrum.remarks)
    result.remarks += [f"{count} of {len(spectra)} spectra: {remark}" for remark, count in counts.items()]
    suspects = sum(map(looks_like_reflectance, spectra))
    if suspects > len(spectra) / 2:
        result.remarks.append(
            f"{suspects} of {len(spectra)} spectra are highest where rocks and soils absorb least (2700 and 2100 "
            "cm-1); if they are reflectance, --convert turns them into absorbance"
        )


def _rows(spectra: list[Spectrum], replicates: str, result: ImportResult) -> list[Row]:
    """A row for each sample, or with "each", for each spectrum."""
    by_sample: dict[str, list[Spectrum]] = {}
    for spectrum in spectra:
        by_sample.setdefault(spectrum.sample, []).append(spectrum)
    if replicates == "each":
        return [
            Row(sample, f"{sample}:{spectrum.replicate or 0}", [spectrum])
            for sample, group in by_sample.items()
            for spectrum in group
        ]
    several = [group for group in by_sample.values() if len(group) > 1]
    if several and replicates == "one":
        first = several[0]
        reason = (
            f"{len(several)} of {len(by_sample)} samples have several spectra ({len(first)} of {first[0].sample!r}, "
            "for example): --replicates mean averages them, --replicates each makes a row for each"
        )
        result.problems.append(Problem(first[0].source, reason))
    elif several:
        sizes = Counter(map(len, by_sample.values()))
        counts = ", ".join(f"{count} of {size} spectra each" for size, count in sorted(sizes.items()))
        result.remarks.append(f"rows are means of replicates: {counts}")
    return [
        Row(sample, sample, group) for sample, group in by_sample.items() if replicates == "mean" or len(group) == 1
    ]


def _in_order_of_table(rows: list[Row], table: AssayTable, result: ImportResult) -> list[Row]:
    """The rows in the order and with the names of the table."""
    samples = {row.sample for row in rows}
    if missing := [sample for sample in table.samples if sample not in samples]:
        names = list_names(missing, SHOWN)
        result.problems.append(Problem(str(table.path), f"these samples have no usable spectrum: {names}"))
    place_of = {sample: place for place, sample in enumerate(table.samples)}
    renamed = [replace(row, index=table.index[place_of[row.sample]] + row.index[len(row.sample) :]) for row in rows]
    return sorted(renamed, key=lambda row: place_of[row.sample])


def _write(path: Path, grid: Grid, rows: list[Row], table: AssayTable | None, advance: Callable[[int], None]) -> None:
    """Write the rows: index, IDs, channels, and the assays if the table has any."""
    index = np.array([row.index for row in rows], dtype=object)
    if all(name.isdecimal() and str(int(name)) == name and len(name) < 18 for name in index):
        index = index.astype(np.int64)
    identity: Columns = {}
    assays: Columns = {}
    if table:
        place_of = {sample: place for place, sample in enumerate(table.samples)}
        places = [place_of[row.sample] for row in rows]
        identity = {name: np.array(table.identity[name])[places] for name in IDS}
        assays = {name: np.array(values)[places] for name, values in table.assays.items()}
    with write_data_file(path) as append:
        for start in range(0, len(rows), CHUNK):
            part = slice(start, start + CHUNK)
            means = [np.mean([spectrum.absorbance for spectrum in row.spectra], axis=0) for row in rows[part]]
            columns: Columns = {"": index[part]}
            columns |= {name: values[part] for name, values in identity.items()}
            # adding 0.0 turns -0.0 into 0.0
            columns |= dict(zip(grid.names, np.round(means, DECIMALS).T + 0.0, strict=True))
            columns |= {name: values[part] for name, values in assays.items()}
            append(columns)
            advance(min(part.stop, len(rows)))
