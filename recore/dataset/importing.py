"""An instrument's files and a laboratory's table to one data file in the challenge's schema."""

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from recore.dataset import grids
from recore.dataset.assay_table import AssayTable, read_assays
from recore.dataset.grids import Grid
from recore.dataset.instruments.files import Reading, find, read
from recore.dataset.instruments.spectrum import Problem, Spectrum, looks_like_reflectance
from recore.dataset.targets import IDS
from recore.dataset.writing import Columns, writing

DECIMALS = 6  # of an absorbance: far below any instrument's noise
CHUNK = 500  # rows written at a time


@dataclass(frozen=True)
class Order:
    """What to import, and how.

    `replicates`: "one" (several spectra of a sample are a problem), "mean" or "each". `like`: a data file whose channels
    the new one is to have. `interpolate`: spectra on other grids are interpolated, and not a problem. `only_listed`:
    samples that the assay table does not have are passed over. `keep_going`: what has no problem is written.
    """

    files: tuple[Path, ...]
    out: Path
    assays: Path | None = None
    reading: Reading = field(default_factory=Reading)
    replicates: str = "one"
    like: Path | None = None
    interpolate: bool = False
    only_listed: bool = False
    keep_going: bool = False
    overwrite: bool = False

    def __post_init__(self) -> None:
        if self.out.suffix != ".gz":
            raise ValueError(f"{self.out}: data files are gzipped: choose a name that ends in .csv.gz")
        if self.only_listed and self.assays is None:
            raise ValueError("--only-listed needs the table that lists the samples: --assays")
        if self.out.exists() and not self.overwrite:
            raise FileExistsError(f"{self.out} is there already: choose another --out, or replace it with --force")
        above = next(folder for folder in self.out.absolute().parents if folder.exists())
        if not above.is_dir():
            raise ValueError(f"{self.out}: {above} is no folder: choose another --out")


@dataclass
class Outcome:
    """What became of an order. `rows` is 0 and `grid` None where nothing was written, because of `problems`."""

    rows: int = 0
    spectra: int = 0
    grid: Grid | None = None
    problems: list[Problem] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


@dataclass
class Row:
    """A row of the data file: its sample, what it is called, and the spectra that it is the mean of."""

    sample: str
    index: str
    spectra: list[Spectrum]


def import_files(order: Order, advance: Callable[[int, int], None] = lambda done, total: None) -> Outcome:
    """Write the data file that is ordered, or with problems and without `keep_going`, nothing.

    `advance` is told how many files of how many are read. Raises ValueError or OSError where the order, the assay table
    or the set of spectra as a whole is at fault; what is wrong with single files is in the outcome.
    """
    table = read_assays(order.assays) if order.assays else None
    like = grids.grid_of_file(order.like) if order.like else None
    paths, remarks = find(order.files)
    paths = _apart(paths, order, remarks)
    outcome = Outcome(remarks=remarks + (table.remarks if table else []))
    spectra: list[Spectrum] = []
    for done, path in enumerate(paths, start=1):
        for item in read(path, order.reading):
            if isinstance(item, Problem):
                outcome.problems.append(item)
            else:
                spectra.append(item)
        advance(done, len(paths))
    if table:
        spectra = _listed(spectra, table, order.only_listed, outcome)
    spectra = _distinct(spectra, outcome)
    _remark(spectra, outcome)
    grid = like
    if spectra:
        grid = like or grids.choose(spectra, order.interpolate)
        spectra, problems, remarks = grids.put(spectra, grid, order.interpolate)
        outcome.problems += problems
        outcome.remarks += remarks
    rows = _rows(spectra, order.replicates, outcome)
    if table:
        rows = _in_order(rows, table, outcome)
    if grid and rows and (order.keep_going or not outcome.problems):
        _write(order.out, grid, rows, table)
        outcome.rows, outcome.grid, outcome.spectra = len(rows), grid, sum(len(row.spectra) for row in rows)
    return outcome


def _apart(paths: list[Path], order: Order, remarks: list[str]) -> list[Path]:
    """The files of spectra: not the assay table, which may lie among them. Raises ValueError where --out is an input."""
    real = {os.path.realpath(path): path for path in paths}
    inputs = [*real, *(os.path.realpath(path) for path in (order.assays, order.like) if path)]
    if os.path.realpath(order.out) in inputs:
        raise ValueError(f"{order.out} is read for this import, and would be replaced: choose another --out")
    if order.assays and real.pop(os.path.realpath(order.assays), None):
        remarks.append(f"{order.assays}: the assay table lies among the spectra, and was not read as one")
    return list(real.values())


def _listed(spectra: list[Spectrum], table: AssayTable, only: bool, outcome: Outcome) -> list[Spectrum]:
    """The spectra of the table's samples."""
    samples = set(table.samples)
    others: dict[str, str] = {}
    for spectrum in spectra:
        if spectrum.sample not in samples:
            others.setdefault(spectrum.sample, spectrum.source)
    kept = [spectrum for spectrum in spectra if spectrum.sample in samples]
    if others and only:
        outcome.remarks.append(f"{len(spectra) - len(kept)} spectra of samples that are not listed were passed over")
    elif others:
        reason = f"has no row in {table.path}; --only-listed passes such samples over"
        outcome.problems += [Problem(source, f"its sample {name!r} {reason}") for name, source in others.items()]
    return kept


def _distinct(spectra: list[Spectrum], outcome: Outcome) -> list[Spectrum]:
    """The spectra without those whose sample and replicate were there before."""
    first: dict[tuple[str, str], Spectrum] = {}
    for spectrum in spectra:
        # a name without a number counts as replicate 0, as it is called in a row of its own
        before = first.setdefault((spectrum.sample, spectrum.replicate or "0"), spectrum)
        if before is not spectrum:
            what = f"sample {spectrum.sample!r}" + (f", replicate {spectrum.replicate}" if spectrum.replicate else "")
            outcome.problems.append(Problem(spectrum.source, f"{what} is in {before.source} already"))
    return list(first.values())


def _remark(spectra: list[Spectrum], outcome: Outcome) -> None:
    """Say what was done to spectra, and that they look like something else."""
    counted = Counter(remark for spectrum in spectra for remark in spectrum.remarks)
    outcome.remarks += [f"{count} of {len(spectra)} spectra: {remark}" for remark, count in counted.items()]
    suspect = sum(map(looks_like_reflectance, spectra))
    if suspect > len(spectra) / 2:
        doubt = "are highest where rocks and soils absorb least (2700 and 2100 cm-1): is it reflectance?"
        outcome.remarks.append(f"{suspect} of {len(spectra)} spectra {doubt} --convert makes absorbance of it")


def _rows(spectra: list[Spectrum], replicates: str, outcome: Outcome) -> list[Row]:
    """A row for each sample, or with "each", for each spectrum."""
    of_sample: dict[str, list[Spectrum]] = {}
    for spectrum in spectra:
        of_sample.setdefault(spectrum.sample, []).append(spectrum)
    rows, several = [], []
    for sample, own in of_sample.items():
        if replicates == "each":
            rows += [Row(sample, f"{sample}:{spectrum.replicate or 0}", [spectrum]) for spectrum in own]
        elif replicates == "mean" or len(own) == 1:
            rows.append(Row(sample, sample, own))
        else:
            several.append(own)
    if several:
        own = several[0]
        mend = "--replicates mean averages them, --replicates each makes a row of each"
        count = f"{len(several)} of {len(of_sample)} samples have several spectra"
        reason = f"{count}, {own[0].sample!r} for one {len(own)}: {mend}"
        outcome.problems.append(Problem(own[0].source, reason))
    if replicates == "mean" and any(len(row.spectra) > 1 for row in rows):
        sizes = Counter(len(row.spectra) for row in rows)
        counts = ", ".join(f"{count} of {size} each" for size, count in sorted(sizes.items()))
        outcome.remarks.append(f"rows by the number of spectra that they are the mean of: {counts}")
    return rows


def _in_order(rows: list[Row], table: AssayTable, outcome: Outcome) -> list[Row]:
    """The rows in the table's order, called as the table calls them."""
    of_sample: dict[str, list[Row]] = {}
    for row in rows:
        of_sample.setdefault(row.sample, []).append(row)
    ordered = []
    for sample, index in zip(table.samples, table.index, strict=True):
        ordered += [replace(row, index=index + row.index[len(sample) :]) for row in of_sample.get(sample, [])]
    if absent := [sample for sample in table.samples if sample not in of_sample]:
        shown = ", ".join(absent[:5]) + (f" and {len(absent) - 5} more" if len(absent) > 5 else "")
        outcome.problems.append(Problem(str(table.path), f"no spectrum could be used of: {shown}"))
    return ordered


def _write(path: Path, grid: Grid, rows: list[Row], table: AssayTable | None) -> None:
    """Write the rows: index, IDs, channels, assays, as far as the table has them."""
    index = np.array([row.index for row in rows], dtype=object)
    if all(name.isdecimal() and str(int(name)) == name and len(name) < 18 for name in index):
        index = index.astype(np.int64)
    identity: Columns = {}
    assays: Columns = {}
    if table:
        place_of = {sample: place for place, sample in enumerate(table.samples)}
        places = [place_of[row.sample] for row in rows]
        identity = {name: np.array(table.identity[name])[places] for name in IDS}
        assays = {name: np.array(cells)[places] for name, cells in table.assays.items()}
    with writing(path) as append:
        for start in range(0, len(rows), CHUNK):
            part = slice(start, start + CHUNK)
            means = [np.mean([one.absorbance for one in row.spectra], axis=0) for row in rows[part]]
            columns: Columns = {"": index[part]}
            columns |= {name: cells[part] for name, cells in identity.items()}
            # plus 0.0: no minus before a zero
            columns |= dict(zip(grid.names, np.round(means, DECIMALS).T + 0.0, strict=True))
            columns |= {name: cells[part] for name, cells in assays.items()}
            append(columns)
