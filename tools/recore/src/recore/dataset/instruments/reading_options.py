"""The user's options for reading files of spectra."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from recore.dataset.grammar import normalise_text
from recore.dataset.instruments.opus import check_block

TEXT_SUFFIXES = (".csv", ".txt", ".tsv", ".dpt", ".asc")
PACKED_SUFFIX = ".gz"
# SAMPLE.REPLICATE, as OPUS names its files: soil_7.0, soil_7.1; also soil_7.1.csv and soil_7.csv
NAME = r"(?P<sample>.+?)(\.(?P<replicate>\d+))?"


@dataclass(frozen=True)
class ReadingOptions:
    """Options for reading files. Raises ValueError if one is invalid.

    block: the block of an OPUS file. unit: the unit of a text file's axis. convert: the scale of reflectance, or "none"
    for absorbance. decimal: "point" or "comma". sample: the column of the sample names. name: a regular expression for
    complete file names, with the groups `sample` and `replicate`. only_spectra: whether to report a table's other
    columns as ignored. id_columns: the columns of IDs.
    """

    block: str = "absorbance"
    unit: str | None = None
    convert: str | None = None
    decimal: str | None = None
    sample: str | None = None
    name: str | None = None
    only_spectra: bool = True
    id_columns: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_block(self.block)
        for option in ("sample", "name"):
            if value := getattr(self, option):
                object.__setattr__(self, option, normalise_text(value))
        if self.name is not None:
            try:
                groups = re.compile(self.name).groupindex
            except re.error as error:
                raise ValueError(f"--name {self.name!r} is not a valid regular expression: {error}") from None
            if "sample" not in groups:
                raise ValueError(f"--name {self.name!r} has no group (?P<sample>...)")

    def parse_file_name(self, path: Path) -> tuple[str, str]:
        """Return the sample and the replicate (or "") in a file's name. Raises ValueError if the name is invalid."""
        name = normalise_text(path.name)
        if not name.isprintable():  # includes bytes that are not UTF-8, which a data file cannot contain
            raise ValueError("its name has unprintable characters; rename it")
        name = name if self.name else remove_text_suffix(name)
        match = re.fullmatch(self.name or NAME, name)
        if not match or not match["sample"]:
            raise ValueError("its name does not match --name")
        groups = match.groupdict()
        return groups["sample"], groups.get("replicate") or ""


def remove_text_suffix(name: str) -> str:
    """Remove the suffix of a text file, which may be gzipped, from its name."""
    stem = name[: -len(PACKED_SUFFIX)] if name.lower().endswith(PACKED_SUFFIX) else name
    suffix = Path(stem).suffix
    return stem[: -len(suffix)] if suffix.lower() in TEXT_SUFFIXES else name
