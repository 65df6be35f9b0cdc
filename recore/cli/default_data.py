"""Which data files a command uses where its options name none."""

from pathlib import Path

NAMES = {"public": "public/public.csv.gz", "private": "private/private.csv.gz", "actual": "private/actual.csv.gz"}


def find_default_data(submission: Path) -> dict[str, Path]:
    """The files in the submission's own data/ if it has public data there, else in data/ of the current folder.

    Returns the public file, whether it exists or not, and those of the others that exist.
    """
    folders = (submission / "data", Path("data"))
    folder = next((folder for folder in folders if (folder / NAMES["public"]).exists()), Path("data"))
    files = {name: folder / place for name, place in NAMES.items()}
    return {name: path for name, path in files.items() if name == "public" or path.exists()}
