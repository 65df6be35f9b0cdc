"""Which files are an instrument's, what sample a file's name speaks of, and the reader that its content asks for."""

import glob
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recore.dataset.cells import no_text
from recore.dataset.instruments import delimited, opus
from recore.dataset.instruments.spectrum import Measured, Problem, Spectrum, standard

# sample.replicate, as OPUS names its files: soil_7.0, soil_7.1; soil_7.1.csv and soil_7.csv too
NAME = r"(?P<sample>.+?)(\.(?P<replicate>\d+))?"


@dataclass(frozen=True)
class Reading:
    """How files are read: `block` of an OPUS file; `unit` of a text's axis; `convert` from reflectance, on which scale;
    `name`, the regular expression that a whole file name must match, with the groups `sample` and `replicate`.

    Raises ValueError where one of them cannot be.
    """

    block: str = "absorbance"
    unit: str | None = None
    convert: str | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        opus.check_block(self.block)
        if self.name is not None:
            try:
                groups = re.compile(self.name).groupindex
            except re.error as error:
                raise ValueError(f"name {self.name!r} is no regular expression: {error}") from None
            if "sample" not in groups:
                raise ValueError(f"name {self.name!r} has no group (?P<sample>...)")

    def identity(self, path: Path) -> tuple[str, str]:
        """The sample and the replicate ("" where there is none) in a file's name. Raises ValueError."""
        if not path.name.isprintable():  # bytes that are no UTF-8 too, which no data file could hold
            raise ValueError("its name has letters that cannot be printed: rename it")
        if self.name is None:
            name = path.name[: -len(path.suffix)] if path.suffix.lower() in delimited.SUFFIXES else path.name
            found = re.fullmatch(NAME, name)
        else:
            found = re.fullmatch(self.name, path.name)
        if not found or not found["sample"]:
            raise ValueError("its name does not match --name")
        parts = found.groupdict()
        return parts["sample"], parts.get("replicate") or ""


def find(named: Iterable[Path]) -> tuple[list[Path], list[str]]:
    """The files that are named, those in named folders and those that patterns stand for, each once; and remarks.

    Of a folder come the files whose name ends as OPUS names them, in a number, or as text is named; what only looks
    like one, a link to nothing say, comes too, so that it is missed aloud. Raises ValueError where a folder or a
    pattern has no such file.
    """
    found, remarks = dict[str, Path](), []
    for path in named:
        if path.is_dir():
            inside = [file for file in path.iterdir() if not file.name.startswith(".")]
            files = [file for file in inside if not file.is_dir()]
            folders = len(inside) - len(files)
            chosen = [file for file in files if file.suffix[1:].isdigit() or file.suffix.lower() in delimited.SUFFIXES]
            if not chosen:
                ends = f"in a number, as OPUS files do, or in {', '.join(delimited.SUFFIXES)}"
                deeper = "; the folders in it are not looked into: name them" if folders else ""
                raise ValueError(f"{path}: no file in this folder has a name that ends {ends}{deeper}")
            if others := len(files) - len(chosen):
                remarks.append(f"{path}: files with other names that were passed over: {others}")
            if folders:
                remarks.append(f"{path}: folders in it that were passed over: {folders}")
        elif not path.exists() and glob.has_magic(str(path)):
            chosen = [Path(file) for file in glob.glob(str(path))]
            if not chosen:
                raise ValueError(f"{path}: there is no such file")
        else:
            chosen = [path]
        for file in sorted(chosen, key=_naturally):
            found.setdefault(os.path.realpath(file), file)
    return list(found.values()), remarks


def _naturally(path: Path) -> list[tuple[str, int]]:
    """So that soil.2 comes before soil.10."""
    return [(word, int(digits or 0)) for word, digits in re.findall(r"(\D+|^)(\d*)", str(path))]


def read(path: Path, reading: Reading) -> Iterator[Spectrum | Problem]:
    """Yield the spectra of a file, and for each that cannot be used, why. Raises nothing for what a file holds."""
    try:
        if not path.is_file():
            raise ValueError("it is no regular file" if path.exists() else "there is no such file")
        if path.stat().st_size == 0:
            raise ValueError("it is empty")
        sample, replicate = reading.identity(path)
        spectra: Iterator[Measured | Problem]
        if opus.recognises(path):
            # it says its unit itself
            spectra, unit = opus.read(path, sample, replicate, reading.block), None
        elif delimited.recognises(path):
            spectra, unit = delimited.read(path, sample, replicate), reading.unit
        else:
            raise ValueError(no_text(path) or "it is neither a Bruker OPUS file nor text")
        for measured in spectra:
            try:
                with np.errstate(all="ignore"):  # what is not finite is refused
                    item = measured if isinstance(measured, Problem) else standard(measured, unit, reading.convert)
            except ValueError as error:
                item = Problem(measured.source, str(error))
            yield item
    except (ValueError, OSError) as error:
        yield Problem(str(path), str(getattr(error, "strerror", None) or error))
