"""Import an instrument's files and a laboratory's table into one data file in the challenge's schema."""

import os
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from recore.challenge import challenge
from recore.constant_runs import find_constant_runs, format_constant_runs
from recore.dataset import grids
from recore.dataset.assay_table import AssayTable, holds_assays, read_assays
from recore.dataset.column_options import parse_columns
from recore.dataset.grammar import Ambiguity
from recore.dataset.grammar.units import CONTENT_UNITS, DEPTH_UNITS, SYNONYMS, content_unit_in
from recore.dataset.grids import Grid
from recore.dataset.holes import is_control_sample
from recore.dataset.instruments.files import find_files, read_file
from recore.dataset.instruments.reading_options import ReadingOptions
from recore.dataset.instruments.spectrum import REFLECTANCE_REASON, Numbers, Problem, Spectrum, find_reflectance
from recore.dataset.plausibility import SuspectedUnit
from recore.dataset.replicates import match_replicates, remove_ambiguous, sample_of_replicate
from recore.dataset.similar_names import note_similar_holes, similar_names
from recore.dataset.writing import Columns, check_not_existing, write_data_file
from recore.listing import count, list_names
from recore.outputs import check_writable
from recore.spreadsheet_csv import safe_row

DECIMALS = 6  # decimals of absorbance; rounding is far below the noise of any instrument
CHUNK = 500  # rows that are written at a time
SHOWN = 5  # samples that a message lists


@dataclass(frozen=True)
class ImportOptions:
    """The options of `recore import`.

    assays: the assay table; by default the only file, if it has assays or IDs. columns: options such as "CuPPM=Cu_pct".
    content_unit: the unit of assays whose column states none. replicates: "one" (several spectra of a sample are a
    problem), "mean" or "each". like: a data file whose channels are used. interpolate: whether to interpolate spectra
    on other grids. only_listed: whether to ignore samples that are not in the table. keep_going: whether to import the
    rest despite problems.
    """

    files: tuple[Path, ...]
    out: Path
    assays: Path | None = None
    columns: tuple[str, ...] = ()
    depth_unit: str | None = None
    content_unit: str | None = None
    reading: ReadingOptions = field(default_factory=ReadingOptions)
    replicates: str = "one"
    like: Path | None = None
    interpolate: bool = False
    only_listed: bool = False
    keep_going: bool = False
    overwrite: bool = False

    def __post_init__(self) -> None:
        if self.out.suffix != ".gz":
            raise ValueError(f"{self.out}: data files are gzipped; choose a name that ends in .csv.gz")
        self._check_split_names()
        needs_table = {
            "--only-listed": self.only_listed,
            "--column": self.columns,
            "--depth-unit": self.depth_unit,
            "--content-unit": self.content_unit,
        }
        if self.table is None and (options := [name for name, value in needs_table.items() if value]):
            raise ValueError(f"{options[0]} requires an assay table; specify --assays")
        check_not_existing([self.out], self.overwrite)
        check_writable(self.out)

    def _check_split_names(self) -> None:
        """Raise ValueError if a file name is in fact part of an unquoted column name that the shell has split."""
        names = [column for column in self.columns if " " not in column]
        without_unit = [name for name in names if not content_unit_in(name.partition("=")[2])]
        for word in self.files:
            unit = str(word).strip("()[]").lower()
            if names and unit in (*CONTENT_UNITS, *SYNONYMS, *DEPTH_UNITS) and not word.exists():
                example = f'--column "{(without_unit or names)[0]} {word}"'
                raise ValueError(f"{word}: there is no such file; a column name with spaces needs quotes: {example}")

    @cached_property
    def table(self) -> Path | None:
        """The assay table: `assays`, otherwise the only file if it has assays or IDs, or if `columns` is given."""
        if self.assays is None and len(self.files) == 1 and self.files[0].is_file():
            return self.files[0] if self.columns or holds_assays(self.files[0]) else None
        return self.assays

    @property
    def is_one_table(self) -> bool:
        """Whether the file of spectra is also the assay table."""
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
    """A row of the data file: its sample, its name, and the spectra whose mean it contains."""

    sample: str
    index: str
    spectra: list[Spectrum]

    @property
    def mean(self) -> Numbers:
        """The mean absorbance (channels,)."""
        return np.asarray(np.mean([spectrum.absorbance for spectrum in self.spectra], axis=0))


def import_files(
    options: ImportOptions, advance: Callable[[str, int, int], None] = lambda stage, done, total: None
) -> ImportResult:
    """Import the files. If there are problems, write the data file only with `keep_going`.

    advance: called with the stage, the number of finished files or rows, and their total. Raises ValueError or OSError
    if the options or the set of files are invalid; other problems and questions are in the result.
    """
    reading = options.reading
    try:
        table = _read_table(options)
    except Ambiguity as question:
        return ImportResult(problems=[Problem.from_error(str(options.table), question)])
    if table and options.is_one_table:
        reading = replace(reading, only_spectra=False, sample=table.sample_column)
    grid = grids.grid_of_file(options.like) if options.like else None
    paths, remarks = find_files(options.files)
    paths = _exclude_table(paths, options, remarks)
    result = ImportResult(remarks=remarks)
    if table:
        result.remarks += table.remarks
        if note := note_similar_holes(map(str, table.identity[challenge().group])):
            result.remarks.append(f"{options.table}: {note}")
        result.suspected = table.suspected_units
    spectra, _ = read_files(paths, reading, result, advance)
    if table:
        if options.replicates != "one":
            spectra = match_replicates(spectra, table.samples, result.remarks)
        measured = {spectrum.sample for spectrum in spectra}
        spectra = _keep_listed(spectra, table, options.only_listed, result)
    spectra, grid = regrid(spectra, grid, options.interpolate, result)
    result.problems = join_repeated(result.problems)
    rows = make_rows(spectra, options.replicates, result)
    is_unread = options.is_one_table and not spectra and result.problems  # problems already explain the missing spectra
    if table and not is_unread:
        rows = _sort_rows(rows, table, measured - {*table.samples}, result)
    if grid and rows and (options.keep_going or not result.problems):
        _write(options.out, grid, rows, table, lambda done: advance("writing", done, len(rows)))
        result.rows, result.grid, result.spectra = len(rows), grid, sum(len(row.spectra) for row in rows)
    return result


def read_files(
    paths: list[Path], reading: ReadingOptions, result: ImportResult, advance: Callable[[str, int, int], None]
) -> tuple[list[Spectrum], list[str]]:
    """Return the spectra in files, and all sample names, even of unusable spectra. Add problems to the result."""
    items: list[Spectrum | Problem] = []
    for done, path in enumerate(paths):
        advance("reading", done, len(paths))
        items += read_file(path, reading)
    result.problems = [item for item in items if isinstance(item, Problem)]
    spectra = [item for item in items if isinstance(item, Spectrum)]
    samples = list(dict.fromkeys(item.sample for item in items if item.sample))
    return remove_ambiguous(spectra, paths, reading, result.problems), samples


def regrid(
    spectra: list[Spectrum], grid: Grid | None, interpolate: bool, result: ImportResult
) -> tuple[list[Spectrum], Grid | None]:
    """Remove repeated spectra, put the rest on a grid (by default the most common), and add problems and remarks."""
    spectra = _drop_repeats(spectra, result)
    _add_remarks(spectra, result)
    if not spectra:
        return spectra, grid
    common_grid = grid or grids.most_common_grid(spectra, interpolate)
    spectra, problems, remarks = grids.put_on_grid(spectra, common_grid, interpolate, is_fixed=grid is not None)
    result.problems += problems
    result.remarks += remarks + _note_constant_runs(spectra, common_grid)
    return spectra, common_grid


def _read_table(options: ImportOptions) -> AssayTable | None:
    columns = parse_columns(options.columns)
    if options.table is None:
        return None
    if options.is_one_table and options.reading.sample:
        columns.setdefault("sample", options.reading.sample)
    units = options.depth_unit, options.content_unit
    return read_assays(options.table, columns, *units, options.reading.decimal, options.is_one_table)


def _exclude_table(paths: list[Path], options: ImportOptions, remarks: list[str]) -> list[Path]:
    """Remove the assay table from the files of spectra. Raises ValueError if --out is an input."""
    real = {os.path.realpath(path): path for path in paths}
    inputs = [*real, *(os.path.realpath(path) for path in (options.table, options.like) if path)]
    if os.path.realpath(options.out) in inputs:
        raise ValueError(f"{options.out} is an input to this import and would be overwritten; choose another --out")
    if options.table and not options.is_one_table and real.pop(os.path.realpath(options.table), None):
        remarks.append(f"{options.table}: the assay table is among the spectra files, and was not read as a spectrum")
    return list(real.values())


def join_repeated(problems: list[Problem]) -> list[Problem]:
    """Merge identical questions about several files into one problem."""
    groups: dict[tuple[str, str], list[Problem]] = {}
    for problem in problems:
        groups.setdefault((problem.reason, problem.question or problem.source), []).append(problem)
    return [
        replace(first, reason=f"{first.reason}; the same applies to {count(len(others), 'more file')}")
        if others
        else first
        for first, *others in groups.values()
    ]


def _keep_listed(spectra: list[Spectrum], table: AssayTable, only_listed: bool, result: ImportResult) -> list[Spectrum]:
    samples = set(table.samples)
    listed = [spectrum for spectrum in spectra if spectrum.sample in samples]
    unlisted: dict[str, str] = {}
    for spectrum in spectra:
        if spectrum.sample not in samples:
            unlisted.setdefault(spectrum.sample, spectrum.source)
    if unlisted and only_listed:
        result.remarks.append(f"ignored {count(len(spectra) - len(listed), 'spectrum', 'spectra')} of unlisted samples")
    elif unlisted:
        similar = similar_names(unlisted, samples)
        for name, source in unlisted.items():
            fix = f"did you mean {similar[name]!r}?" if name in similar else "--only-listed ignores such samples"
            sample, _ = sample_of_replicate(name, samples)
            if sample:
                fix = f"if it is a replicate of {sample!r}, --replicates mean averages both; otherwise {fix}"
            reason = f"its sample {name!r} has no row in {table.path}; {fix}"
            result.problems.append(Problem(source, reason))
    return listed


def _drop_repeats(spectra: list[Spectrum], result: ImportResult) -> list[Spectrum]:
    """Return the first spectrum of each sample and replicate, and report the others as problems."""
    first: dict[tuple[str, str], Spectrum] = {}
    for spectrum in spectra:
        # a name without a number counts as replicate 0, as in the name of its row
        earlier = first.setdefault((spectrum.sample, spectrum.replicate or "0"), spectrum)
        if earlier is not spectrum:
            name = f"sample {spectrum.sample!r}" + (f", replicate {spectrum.replicate}" if spectrum.replicate else "")
            result.problems.append(Problem(spectrum.source, f"{name} is already in {earlier.source}"))
    return list(first.values())


def _add_remarks(spectra: list[Spectrum], result: ImportResult) -> None:
    """Add remarks on conversions, and a problem if the spectra do not look like absorbance."""
    counts = Counter(remark for spectrum in spectra for remark in spectrum.remarks)
    result.remarks += [f"{number} of {len(spectra)} spectra: {remark}" for remark, number in counts.items()]
    suspects, question = find_reflectance(spectra)
    if question:
        result.problems.append(Problem(spectra[0].source, question, "quantity"))
    elif suspects:
        names = list_names([spectrum.source for spectrum in suspects], SHOWN)
        result.remarks.append(f"{len(suspects)} of {len(spectra)} spectra ({names}) {REFLECTANCE_REASON}")


def _note_constant_runs(spectra: list[Spectrum], grid: Grid) -> list[str]:
    """Return a list of at most one remark, which names the spectra with the same value in many channels."""
    runs = find_constant_runs(np.round(spectrum.absorbance, DECIMALS) for spectrum in spectra)
    counts = Counter(spectrum.sample for spectrum in spectra)
    names = [f"{each.sample}:{each.replicate or 0}" if counts[each.sample] > 1 else each.sample for each in spectra]
    return [format_constant_runs(runs, grid.wavenumbers, names)] if runs else []


def make_rows(spectra: list[Spectrum], replicates: str, result: ImportResult) -> list[Row]:
    """Create a row for each sample or, with replicates "each", for each spectrum."""
    by_sample: dict[str, list[Spectrum]] = {}
    for spectrum in spectra:
        by_sample.setdefault(spectrum.sample, []).append(spectrum)
    if replicates == "each":
        return [
            Row(sample, f"{sample}:{spectrum.replicate or 0}", [spectrum])
            for sample, group in by_sample.items()
            for spectrum in group
        ]
    repeats = [group for group in by_sample.values() if len(group) > 1]
    if repeats and replicates == "one":
        first = repeats[0]
        reason = (
            f"{len(repeats)} of {len(by_sample)} samples have several spectra ({len(first)} of {first[0].sample!r}, "
            "for example); --replicates mean averages them, and --replicates each creates a row for each"
        )
        result.problems.append(Problem(first[0].source, reason, "replicate"))
    elif repeats:
        sizes = Counter(map(len, by_sample.values()))
        counts = ", ".join(
            f"{count(number, 'row')} of {count(size, 'spectrum', 'spectra')}" for size, number in sorted(sizes.items())
        )
        result.remarks.append(f"rows are means of replicates: {counts}")
    return [
        Row(sample, sample, group) for sample, group in by_sample.items() if replicates == "mean" or len(group) == 1
    ]


def _sort_rows(rows: list[Row], table: AssayTable, unlisted: Iterable[str], result: ImportResult) -> list[Row]:
    """Sort and name the rows as in the table. unlisted: samples that have a spectrum but no row in it."""
    samples = {row.sample for row in rows}
    if missing := [sample for sample in table.samples if sample not in samples]:
        similar = similar_names(missing, unlisted)
        names = [f"{name} (is it {similar[name]!r}?)" if name in similar else name for name in missing]
        fix = "; --keep-going imports the others" if rows else ""
        if control := list(filter(is_control_sample, missing)):
            fix += f"; remove the rows of standards, blanks and duplicates, such as {control[0]!r}"
        reason = f"these samples have no usable spectrum: {list_names(names, SHOWN)}{fix}"
        result.problems.append(Problem(str(table.path), reason))
    renamed = [replace(row, index=table.index[table.rows[row.sample]] + row.index[len(row.sample) :]) for row in rows]
    return sorted(renamed, key=lambda row: table.rows[row.sample])


def round_off(absorbance: Numbers) -> Numbers:
    """Round absorbance to the precision of data files."""
    return np.asarray(np.round(absorbance, DECIMALS) + 0.0)  # turns -0.0 into 0.0


def _write(path: Path, grid: Grid, rows: list[Row], table: AssayTable | None, advance: Callable[[int], None]) -> None:
    index = np.array(safe_row(row.index for row in rows), dtype=object)
    if all(name.isdecimal() and str(int(name)) == name and len(name) < 18 for name in index):
        index = index.astype(np.int64)
    identity: Columns = {}
    assays: Columns = {}
    if table:
        table_rows = [table.rows[row.sample] for row in rows]
        identity = {name: np.array(safe_row(table.identity[name]))[table_rows] for name in challenge().ids}
        assays = {name: np.array(values)[table_rows] for name, values in table.assays.items()}
    with write_data_file(path) as append:
        for start in range(0, len(rows), CHUNK):
            part = slice(start, start + CHUNK)
            means = round_off(np.array([row.mean for row in rows[part]]))
            columns = {"": index} | identity
            columns = {name: values[part] for name, values in columns.items()}
            columns |= dict(zip(grid.names, means.T, strict=True))
            append(columns | {name: values[part] for name, values in assays.items()})
            advance(min(part.stop, len(rows)))
