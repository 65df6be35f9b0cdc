"""The spectra of one file, from an instrument or in the challenge's schema, on the channels that a model needs."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np

from recore.dataset.grids import Grid, put_on_grid
from recore.dataset.importing import DECIMALS
from recore.dataset.instruments.files import read_file
from recore.dataset.instruments.reading_options import Reading
from recore.dataset.instruments.spectrum import Problem, Spectrum, find_reflectance


@dataclass(frozen=True)
class FileSpectra:
    """What a file holds. is_complete: whether that is all; otherwise the rest of the file was not read.

    remarks: on how the spectra were put on the grid.
    """

    spectra: list[Spectrum]
    problems: list[Problem]
    remarks: list[str]
    is_complete: bool


def read_spectra(path: Path, grid: Grid, most: int) -> FileSpectra:
    """Read at most so many spectra of a file, interpolated if they have other channels than the grid.

    Those of an instrument get the values that `import_files` writes; those of a data file in the challenge's schema
    keep theirs. Raises nothing for what the file holds.
    """
    items: Iterator[Spectrum | Problem] = read_file(path, Reading(only_spectra=False))
    read = list(islice(items, most))
    is_complete = next(items, None) is None
    spectra = [item for item in read if isinstance(item, Spectrum)]
    problems = [item for item in read if isinstance(item, Problem)]
    remarks = list(dict.fromkeys(remark for spectrum in spectra for remark in spectrum.remarks))
    _, question = find_reflectance(spectra)
    if question:
        return FileSpectra([], [*problems, Problem(str(path), question, "quantity")], remarks, is_complete)
    spectra, more, on_grid = put_on_grid(spectra, grid, interpolate=True)
    spectra = [item if item.in_schema else _as_written(item) for item in spectra]
    return FileSpectra(spectra, problems + more, remarks + on_grid, is_complete)


def _as_written(spectrum: Spectrum) -> Spectrum:
    return replace(spectrum, absorbance=np.round(spectrum.absorbance, DECIMALS) + 0.0)
