"""Read tables that commands have written, and write spectra for commands to read."""

import csv
import gzip
from pathlib import Path


def read_table(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def write_spectra(folder: Path, data: Path, count: int) -> None:
    """Write the first `count` private spectra to folder/spectra as two-column files, as an instrument exports them.

    data: the folder with the sample data.
    """
    (folder / "spectra").mkdir()
    with gzip.open(data / "private/private.csv.gz", "rt", newline="") as file:
        for row, _ in zip(csv.DictReader(file), range(count), strict=False):
            name, *_ = row.values()
            points = [(channel, value) for channel, value in row.items() if channel[:1].isdigit()]
            lines = ["cm-1,absorbance", *(f"{channel},{value}" for channel, value in points)]
            (folder / f"spectra/sample-{name}.csv").write_text("\n".join(lines) + "\n")
