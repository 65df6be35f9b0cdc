"""Find replicates (several spectra of one sample) by the names of files and samples."""

import re
from collections.abc import Collection, Iterable
from dataclasses import replace
from pathlib import Path

from recore.dataset.instruments.reading_options import ReadingOptions, remove_text_suffix
from recore.dataset.instruments.spectrum import Problem, Spectrum
from recore.listing import list_names

SHOWN = 3  # names in a remark
MAX_NAME = 200  # characters of a replicate's name
# names of replicates: S-000_1, S-000 rep 2, S-000(3); a number after a point can also be the decimals of a depth
REPLICATE = re.compile(
    r"(?P<sample>.*\w)[\s_(-]+(?:r|rep|repl|replicate|scan|spectrum)?[\s_.-]*(?P<number>\d{1,2})\)?", re.IGNORECASE
)


def sample_of_replicate(name: str, samples: Collection[str]) -> tuple[str, str]:
    """Return the sample and the replicate number in this name. Both are "" if no sample fits."""
    match = REPLICATE.fullmatch(name) if len(name) <= MAX_NAME else None
    if match is None or name in samples or match["sample"] not in samples:
        return "", ""
    return match["sample"], match["number"]


def match_replicates(spectra: Iterable[Spectrum], listed: Iterable[str], remarks: list[str]) -> list[Spectrum]:
    """Turn spectra named after a listed sample and a number into replicates of the sample, and add a remark."""
    samples = set(listed)
    result, renamed = list[Spectrum](), dict[str, str]()
    for spectrum in spectra:
        sample, number = sample_of_replicate(spectrum.sample, samples)
        if sample:
            renamed[spectrum.sample] = sample
            repeat = f".{spectrum.replicate}" if spectrum.replicate not in ("", "0") else ""
            spectrum = replace(spectrum, sample=sample, replicate=number + repeat)
        result.append(spectrum)
    if renamed:
        names = list_names([f"{name} of {sample}" for name, sample in renamed.items()], SHOWN)
        remarks.append(f"spectra with these names were read as replicates of samples in the assay table: {names}")
    return result


def remove_ambiguous(
    spectra: list[Spectrum], paths: list[Path], reading: ReadingOptions, problems: list[Problem]
) -> list[Spectrum]:
    """Remove spectra of text files such as DH01_12.5.csv, whose name may end in a depth or a replicate; add problems.

    Replicates are numbered from 0 or 1, without leading zeros; any other number after a digit can be the decimals of a
    depth or a part of a date.
    """
    names = {str(path): path.name for path in paths if remove_text_suffix(path.name) != path.name}
    by_sample: dict[str, list[Spectrum]] = {}
    for spectrum in spectra:
        if spectrum.source in names and spectrum.replicate and spectrum.sample[-1:].isdigit() and not reading.name:
            by_sample.setdefault(spectrum.sample, []).append(spectrum)
    ambiguous = set[str]()
    for sample, group in by_sample.items():
        replicates = sorted(spectrum.replicate for spectrum in group)
        counted = [sorted(str(start + offset) for offset in range(len(group))) for start in (0, 1)]
        if replicates not in counted:
            ambiguous |= {spectrum.source for spectrum in group}
            first = min(group, key=lambda spectrum: spectrum.source)
            name = names[first.source]
            suffix = re.escape(name[len(remove_text_suffix(name)) :])
            reason = (
                f"is it replicate {first.replicate} of the sample {sample!r}, or is {remove_text_suffix(name)!r} a "
                f"sample? --name '(?P<sample>.+){suffix}' reads a sample, "
                f"--name '(?P<sample>.+)\\.(?P<replicate>\\d+){suffix}' a replicate"
            )
            problems.append(Problem(first.source, reason, "replicate"))
    return [spectrum for spectrum in spectra if spectrum.source not in ambiguous]
