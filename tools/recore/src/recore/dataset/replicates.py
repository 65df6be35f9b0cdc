"""Finds replicates, several spectra of one sample, by the names of files and of samples in a table."""

import re
from collections.abc import Collection, Iterable
from dataclasses import replace
from pathlib import Path

from recore.dataset.instruments.reading_options import Reading, without_text_suffix
from recore.dataset.instruments.spectrum import Problem, Spectrum
from recore.listing import list_names

SHOWN = 3  # names in a remark
MAX_NAME = 200  # characters of a name that can be that of a replicate
# the name of a replicate: S-000_1, S-000 rep 2, S-000(3); a number after a point can also be decimals of a depth
REPLICATE = re.compile(
    r"(?P<sample>.*\w)[\s_(-]+(?:r|rep|repl|replicate|scan|spectrum)?[\s_.-]*(?P<number>\d{1,2})\)?", re.IGNORECASE
)


def sample_of_replicate(name: str, samples: Collection[str]) -> tuple[str, str]:
    """Return the sample whose replicate has this name, and the replicate's number; both "" if no sample fits."""
    match = REPLICATE.fullmatch(name) if len(name) <= MAX_NAME else None
    if match is None or name in samples or match["sample"] not in samples:
        return "", ""
    return match["sample"], match["number"]


def as_replicates(spectra: Iterable[Spectrum], listed: Iterable[str], remarks: list[str]) -> list[Spectrum]:
    """The spectra; those named after a listed sample and a number become its replicates. Adds a remark."""
    samples = set(listed)
    result, renamed = list[Spectrum](), dict[str, str]()
    for spectrum in spectra:
        sample, number = sample_of_replicate(spectrum.sample, samples)
        if sample:
            renamed[spectrum.sample] = sample
            again = f".{spectrum.replicate}" if spectrum.replicate not in ("", "0") else ""
            spectrum = replace(spectrum, sample=sample, replicate=number + again)
        result.append(spectrum)
    if renamed:
        names = list_names([f"{name} of {sample}" for name, sample in renamed.items()], SHOWN)
        remarks.append(f"by their names, spectra were read as replicates of samples in the assay table: {names}")
    return result


def without_open_replicates(
    spectra: list[Spectrum], paths: list[Path], reading: Reading, problems: list[Problem]
) -> list[Spectrum]:
    """The spectra without those of text files whose names end in a depth or a replicate, such as DH01_12.5.csv.

    Replicates are counted from 0 or 1, without zeros before the number; after other digits, other numbers can be
    decimals or parts of a date.
    """
    names = {str(path): path.name for path in paths if without_text_suffix(path.name) != path.name}
    by_sample: dict[str, list[Spectrum]] = {}
    for spectrum in spectra:
        if spectrum.source in names and spectrum.replicate and spectrum.sample[-1:].isdigit() and not reading.name:
            by_sample.setdefault(spectrum.sample, []).append(spectrum)
    is_open = set[str]()
    for sample, group in by_sample.items():
        replicates = sorted(spectrum.replicate for spectrum in group)
        counted = [sorted(str(start + place) for place in range(len(group))) for start in (0, 1)]
        if replicates not in counted:
            is_open |= {spectrum.source for spectrum in group}
            first = min(group, key=lambda spectrum: spectrum.source)
            name = names[first.source]
            suffix = re.escape(name[len(without_text_suffix(name)) :])
            reason = (
                f"is it replicate {first.replicate} of the sample {sample!r}, or is {without_text_suffix(name)!r} a "
                f"sample? --name '(?P<sample>.+){suffix}' reads a sample, "
                f"--name '(?P<sample>.+)\\.(?P<replicate>\\d+){suffix}' a replicate"
            )
            problems.append(Problem(first.source, reason, "replicate"))
    return [spectrum for spectrum in spectra if spectrum.source not in is_open]
