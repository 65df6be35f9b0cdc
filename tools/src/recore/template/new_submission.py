"""Writes a new submission: the template's files with one of its models, without the tools around a submission."""

import os
import shutil
import tempfile
from pathlib import Path

from recore.distribution import TEMPLATE, find_origin

EXAMPLES = TEMPLATE / "examples"
EXTRA_FILES = Path(__file__).parent / "files"  # those that a new submission has instead of the template's
EXTRA_NAMES = {
    "Makefile": "Makefile",
    "README.md": "README.md",
    "gitignore": ".gitignore",
    "check.yml": ".github/workflows/check.yml",
}
INSTALL = '`pip install "{origin}"` installs `recore`.'
INSTALL_UNKNOWN = (
    "`pip install` installs `recore` from the address of its repository, as in "
    '`pip install "git+https://...#subdirectory=tools"`. **Write '
    "this address after `RECORE:` in `.github/workflows/check.yml`**; `recore new` could not find it out."
)
DEFAULT_MODEL = "ridge"  # the model of the template
FILES = (
    *("preprocess.py", "train.py", "predict.py", "score.py", "setup.py", "requirements.txt", "MANIFEST.in"),
    *("submission.yml", ".unearthed_challenge.json", ".python-version"),
)
PACKAGE = Path("challenge")
TESTS = Path("tests/contract")


def list_models() -> list[str]:
    """The models that a new submission can start with, the default first.

    An example with a config.json is none of them: it needs other images than the challenge's.
    """
    scripts = [path for path in EXAMPLES.glob("*/train.py") if not path.with_name("config.json").exists()]
    return [DEFAULT_MODEL, *sorted(path.parent.name for path in scripts)]


def write_submission(folder: Path, model: str = DEFAULT_MODEL) -> list[str]:
    """Write a submission to a folder that does not exist or is empty. Returns the names of its files.

    All files appear at once or not at all. Raises FileExistsError if the folder is not empty, ValueError if there is no
    such model.
    """
    if model not in list_models():
        raise ValueError(f"there is no model {model!r}: {', '.join(list_models())}")
    folder = folder.absolute()
    if folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir()))):
        raise FileExistsError(f"{folder} already exists and is not an empty folder: choose another one")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise NotADirectoryError(f"{folder}: part of this path is a file: choose another folder") from None
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as parent:
        complete = Path(parent, folder.name)
        complete.mkdir()
        _fill(complete, model)
        os.replace(complete, folder)
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def _fill(folder: Path, model: str) -> None:
    for name in FILES:
        shutil.copy(TEMPLATE / name, folder / name)
    example = EXAMPLES / model
    if model != DEFAULT_MODEL:
        shutil.copy(example / "train.py", folder)
        if (example / "requirements.txt").is_file():
            with (folder / "requirements.txt").open("a") as file:
                file.write((example / "requirements.txt").read_text())
    for package in (PACKAGE, TESTS):
        shutil.copytree(TEMPLATE / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    origin = find_origin()
    install = INSTALL.format(origin=origin) if origin else INSTALL_UNKNOWN
    for name, target in EXTRA_NAMES.items():
        text = (EXTRA_FILES / name).read_text("utf-8").replace("{origin}", origin or "").replace("{install}", install)
        (folder / target).parent.mkdir(parents=True, exist_ok=True)
        (folder / target).write_text(text, "utf-8")
