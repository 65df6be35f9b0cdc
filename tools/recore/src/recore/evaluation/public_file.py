"""The public data file of a run that has ended: where it is, and whether it is still the one that the run used."""

from pathlib import Path

from recore.data_file import sha256_of
from recore.evaluation.record import Record


def find_public(record: Record, public: Path | None = None) -> Path:
    """Return the public data file of a run. public: where it is now, if it has moved.

    Raises FileNotFoundError if it is missing, ValueError if the record has the hash of another file.
    """
    recorded, sha256 = record.data["public"]
    path = public or record.started_in / recorded
    if not path.is_file():
        raise FileNotFoundError(f"{path}: the run's public data file is not there: name it with --public")
    if sha256 and sha256_of(path) != sha256:
        raise ValueError(f"{path}: this is not the file that the run was trained on: name that with --public")
    return path
