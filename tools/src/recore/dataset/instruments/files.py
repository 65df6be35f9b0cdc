"""Which files hold spectra, which sample the name of a file denotes, and which reader its content needs."""

import glob
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recore.dataset.cells import check_text
from recore.dataset.instruments import delimited, opus
from recore.dataset.instruments.spectrum import Measured, Problem, Spectrum, to_spectrum
from recore.listing import count

# SAMPLE.REPLICATE, as OPUS names its files: soil_7.0, soil_7.1; also soil_7.1.csv and soil_7.csv
NAME = r"(?P<sample>.+?)(\.(?P<replicate>\d+))?"


@dataclass(frozen=True)
class Reading:
    """How files are read.

    `block` is that of an OPUS file, `unit` that of the axis of a text file, `convert` the scale of reflectance, and
    `name` a regular expression for whole file names with the groups `sample` and `replicate`. `only_spectra`: other
    columns of a table are remarked on. Raises ValueError if one of them is invalid.
    """

    block: str = "absorbance"
    unit: str | None = None
    convert: str | None = None
    name: str | None = None
    only_spectra: bool = True

    def __post_init__(self) -> None:
        opus.check_block(self.block)
        if self.name is not None:
            try:
                groups = re.compile(self.name).groupindex
            except re.error as error:
                raise ValueError(f"--name {self.name!r} is not a valid regular expression: {error}") from None
            if "sample" not in groups:
                raise ValueError(f"--name {self.name!r} has no group (?P<sample>...)")

    def sample_and_replicate(self, path: Path) -> tuple[str, str]:
        """The sample and the replicate ("" if the name has no replicate) in the name of a file. Raises ValueError."""
        if not path.name.isprintable():  # includes bytes that are not UTF-8, which no data file could hold
            raise ValueError("its name has characters that cannot be printed: rename it")
        has_suffix = self.name is None and path.suffix.lower() in delimited.SUFFIXES
        match = re.fullmatch(self.name or NAME, path.stem if has_suffix else path.name)
        if not match or not match["sample"]:
            raise ValueError("its name does not match --name")
        groups = match.groupdict()
        return groups["sample"], groups.get("replicate") or ""


def find_files(names: Iterable[Path]) -> tuple[list[Path], list[str]]:
    """The files that are named, that named folders hold and that patterns match, each once; and remarks.

    In a folder these are the files whose name ends in a number, as OPUS names them, or like that of a text file. They
    include broken links, so that a missing file is reported. Raises ValueError if a folder or a pattern has no file.
    """
    files: dict[str, Path] = {}
    remarks: list[str] = []
    for path in names:
        if path.is_dir():
            chosen = _files_in(path, remarks)
        elif not path.exists() and glob.has_magic(str(path)):
            chosen = [Path(file) for file in glob.glob(str(path))]
            if not chosen:
                raise ValueError(f"{path}: there is no such file")
        else:
            chosen = [path]
        for file in sorted(chosen, key=_natural_order):
            files.setdefault(os.path.realpath(file), file)
    return list(files.values()), remarks


def _files_in(folder: Path, remarks: list[str]) -> list[Path]:
    """The files of a folder that can hold spectra."""
    visible = [path for path in folder.iterdir() if not path.name.startswith(".")]
    files = [path for path in visible if not path.is_dir()]
    folders = len(visible) - len(files)
    chosen = [path for path in files if path.suffix[1:].isdigit() or path.suffix.lower() in delimited.SUFFIXES]
    if not chosen:
        endings = f"a number, as those of OPUS files do, or in {', '.join(delimited.SUFFIXES)}"
        subfolders = "; its subfolders are not searched: name them" if folders else ""
        raise ValueError(f"{folder}: no file name in this folder ends in {endings}{subfolders}")
    if others := len(files) - len(chosen):
        remarks.append(f"{folder}: ignored {count(others, 'file')} with another extension")
    if folders:
        remarks.append(f"{folder}: ignored {count(folders, 'subfolder')}")
    return chosen


def _natural_order(path: Path) -> list[tuple[str, int]]:
    """A key that sorts soil.2 before soil.10."""
    return [(word, int(digits or 0)) for word, digits in re.findall(r"(\D+|^)(\d*)", str(path))]


def read_file(path: Path, reading: Reading) -> Iterator[Spectrum | Problem]:
    """Yield the spectra of a file, and a problem for each that cannot be used. Raises nothing for what a file holds."""
    try:
        if not path.is_file():
            raise ValueError("this is not a regular file" if path.exists() else "there is no such file")
        if path.stat().st_size == 0:
            raise ValueError("the file is empty")
        sample, replicate = reading.sample_and_replicate(path)
        spectra: Iterator[Measured | Problem]
        if opus.is_opus(path):
            spectra, unit = opus.read(path, sample, replicate, reading.block), None  # OPUS files state their unit
        else:
            check_text(path, "this is neither a Bruker OPUS file nor text")
            spectra, unit = delimited.read(path, sample, replicate, reading.only_spectra), reading.unit
        for measured in spectra:
            try:
                with np.errstate(all="ignore"):  # values that are not finite are refused
                    item = measured if isinstance(measured, Problem) else to_spectrum(measured, unit, reading.convert)
            except ValueError as error:
                item = Problem(measured.source, str(error))
            yield item
    except (ValueError, OSError) as error:
        yield Problem(str(path), str(getattr(error, "strerror", None) or error))
