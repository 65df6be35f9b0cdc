"""Find files of spectra, and read each with the reader for its format."""

import glob
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from recore.dataset.grammar import Ambiguity
from recore.dataset.instruments import delimited, opus
from recore.dataset.instruments.reading_options import TEXT_SUFFIXES, ReadingOptions, remove_text_suffix
from recore.dataset.instruments.spectrum import MeasuredSpectrum, Problem, Spectrum, to_spectrum
from recore.listing import count


def find_files(names: Iterable[Path]) -> tuple[list[Path], list[str]]:
    """Return (files, remarks): the unique files that paths, folders and patterns match, and remarks on ignored ones.

    Broken links are included, so that they are reported. Raises ValueError if a folder or pattern matches no file.
    """
    files: dict[str, Path] = {}
    remarks: list[str] = []
    for path in names:
        if path.is_dir():
            paths = _files_in(path, remarks)
        elif not path.exists() and glob.has_magic(str(path)):
            paths = [Path(file) for file in glob.glob(str(path))]
            if not paths:
                raise ValueError(f"{path}: there is no such file")
        else:
            paths = [path]
        for file in sorted(paths, key=_natural_order):
            files.setdefault(os.path.realpath(file), file)
    return list(files.values()), remarks


def _files_in(folder: Path, remarks: list[str]) -> list[Path]:
    visible_paths = [path for path in folder.iterdir() if not path.name.startswith(".")]
    files = [path for path in visible_paths if not path.is_dir()]
    folders = len(visible_paths) - len(files)
    chosen_paths = [path for path in files if path.suffix[1:].isdigit() or remove_text_suffix(path.name) != path.name]
    if not chosen_paths:
        endings = f"a number, as in OPUS, or in {', '.join(TEXT_SUFFIXES)}"
        subfolders = "; specify its subfolders, which are not searched" if folders else ""
        raise ValueError(f"{folder}: no file name in this folder ends in {endings}{subfolders}")
    if others := len(files) - len(chosen_paths):
        remarks.append(f"{folder}: ignored {count(others, 'file')} with another extension")
    if folders:
        remarks.append(f"{folder}: ignored {count(folders, 'subfolder')}")
    return chosen_paths


def _natural_order(path: Path) -> list[tuple[str, int]]:
    """Return a key that sorts soil.2 before soil.10."""
    return [(word, int(digits or 0)) for word, digits in re.findall(r"(\D+|^)(\d*)", str(path))]


def read_file(path: Path, reading: ReadingOptions) -> Iterator[Spectrum | Problem]:
    """Yield the spectra in a file, and a Problem instead of each ValueError or OSError."""
    is_opus, sample = False, ""
    try:
        if not path.is_file():
            raise ValueError("this is not a regular file" if path.exists() else "there is no such file")
        sample, replicate = reading.parse_file_name(path)
        spectra: Iterator[MeasuredSpectrum | Problem]
        if is_opus := opus.is_opus(path):
            # these files state their unit and quantity
            reading = replace(reading, unit=None, convert=None if reading.convert == "none" else reading.convert)
            spectra = opus.read(path, sample, replicate, reading.block)
        else:
            spectra = delimited.read(path, sample, replicate, reading)
        questions: Counter[str] = Counter()
        for measured in spectra:
            if isinstance(measured, Problem):
                yield measured
                continue
            try:
                with np.errstate(all="ignore"):  # values that are not finite are rejected
                    spectrum = to_spectrum(measured, reading.unit, reading.convert)
                yield spectrum
            except Ambiguity as question:
                questions[question.id] += 1
                if questions[question.id] == 1:
                    yield Problem.from_error(measured.source, question, measured.sample, measured.ids)
            except ValueError as error:
                yield Problem.from_error(measured.source, error, measured.sample, measured.ids)
        for question_id, number in questions.items():
            if number > 1:
                yield Problem(
                    str(path), f"the same applies to {count(number - 1, 'more spectrum', 'more spectra')}", question_id
                )
    except (ValueError, OSError) as error:
        yield Problem.from_error(str(path), error, sample if is_opus else "")  # any other file may be a table
