"""The request to the model: what preprocess.py wrote for the public data, without targets.

In the challenge, the public file of step 2 seems to hold no targets: submissions that were scored write all columns
that they read, and their models do not expect targets. Private data have none.
"""

import contextlib
import tempfile
from pathlib import Path

from recore.evaluation.csv_columns import LARGEST_HEADER, find_columns, remove_columns
from recore.evaluation.job_requests import Place
from recore.evaluation.storage import Storage
from recore.schema import TARGETS


def leave_out_targets(storage: Storage, place: Place, folder: Path) -> list[str]:
    """Remove the columns of targets from an object, a CSV. Returns their names.

    folder: for temporary files. Only the header is downloaded if it names no target.
    """
    with contextlib.closing(storage.open(place)) as body:
        if not find_columns(body.read(LARGEST_HEADER).partition(b"\n")[0], TARGETS):
            return []
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        path = Path(temporary, place[-1])
        storage.fetch(place, path)
        names = remove_targets(path)
        storage.upload(path, place)
    return names


def remove_targets(path: Path) -> list[str]:
    """Remove the columns of targets from a CSV of this machine. Returns their names."""
    return remove_columns(path, TARGETS)


def describe_targets(names: list[str]) -> str:
    """The line about targets that were left out of a request."""
    return f"preprocess.py wrote {len(names)} targets of the public data; they are left out of the request to the model"
