"""Data files of a run, checked before it starts."""

from dataclasses import dataclass
from pathlib import Path

from recore.challenge import challenge
from recore.data_file import read_header
from recore.schema import is_wavenumber

PUBLIC, PRIVATE, ACTUAL = "public/public.csv.gz", "private/private.csv.gz", "private/actual.csv.gz"


@dataclass(frozen=True)
class DataFiles:
    """The paths of public data with assays, private data without, and private assays for scoring jobs only."""

    public: Path
    private: Path | None = None
    actual: Path | None = None

    @property
    def files(self) -> dict[str, Path]:
        files = {"public": self.public, "private": self.private, "actual": self.actual}
        return {name: path for name, path in files.items() if path}

    def check(self) -> None:
        """Raise ValueError or OSError if a file is invalid or the private data contain assays."""
        if self.actual and not self.private:
            raise ValueError(f"{self.actual}: private assays require the private data file; add --private")
        headers = {name: read_header(path) for name, path in self.files.items()}
        index, *columns = headers.get("private", [""])
        other_columns = {column for name in ("public", "actual") for column in headers.get(name, [])[1:]}
        if index in other_columns:  # this file has no index column
            columns = [index, *columns]
        for column in columns:
            if column not in challenge().ids and not is_wavenumber(column):
                raise ValueError(
                    f"{self.private}: column {column[:40]!r} is neither an ID nor a wavenumber, and the submission "
                    "would see it; keep only inputs in the private data, and pass the assays with --actual"
                )


def choose_data_files(submission: Path, public: Path | None, private: Path | None, actual: Path | None) -> DataFiles:
    """Return the checked data files of a run. Without a public file, `find_data_files` finds them."""
    data = DataFiles(public, private, actual) if public else find_data_files(submission)
    data.check()
    return data


def find_data_files(submission: Path) -> DataFiles:
    """Find the data files in the submission's data/ if it has a public file there, otherwise in ./data/.

    The returned public path may not exist. The paths of other missing files are None.
    """
    folder = next((path for path in (submission / "data", Path("data")) if (path / PUBLIC).exists()), Path("data"))
    private, actual = (path if path.exists() else None for path in (folder / PRIVATE, folder / ACTUAL))
    return DataFiles(folder / PUBLIC, private, actual)
