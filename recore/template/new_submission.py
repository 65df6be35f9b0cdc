"""A new submission: the template's files with one of its models, and nothing of what is around a submission."""

import ast
import os
import re
import shutil
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
OWN = Path(__file__).parent / "files"  # what only a new submission has: its Makefile and .gitignore
DEFAULT = "ridge"  # the model of the template itself
FILES = (
    *("preprocess.py", "train.py", "predict.py", "score.py", "setup.py", "requirements.txt", "MANIFEST.in"),
    *("submission.yml", ".unearthed_challenge.json", ".python-version"),
)
TESTS = Path("tests/contract")


def models() -> list[str]:
    """The models that a new submission can begin with, the default first."""
    return [DEFAULT, *sorted(path.parent.name for path in EXAMPLES.glob("*/train.py"))]


def write_submission(folder: Path, model: str = DEFAULT) -> list[str]:
    """Write a whole submission to a folder, which must not exist or be empty; returns the names of its files.

    All appears at once or not at all. Raises FileExistsError where the folder holds anything, ValueError where there is
    no such model.
    """
    if model not in models():
        raise ValueError(f"there is no model {model!r}: {', '.join(models())}")
    folder = folder.absolute()
    if folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir()))):
        raise FileExistsError(f"{folder}: it exists already and is not an empty folder: name another one")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise NotADirectoryError(f"{folder}: a file is in the way: name another folder") from None
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as parent:
        made = Path(parent, folder.name)
        made.mkdir()
        _fill(made, model)
        os.replace(made, folder)
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def _fill(folder: Path, model: str) -> None:
    for name in FILES:
        shutil.copy(ROOT / name, folder / name)
    example = EXAMPLES / model
    if model != DEFAULT:
        shutil.copy(example / "train.py", folder)
        if (example / "requirements.txt").is_file():
            with (folder / "requirements.txt").open("a") as file:
                file.write((example / "requirements.txt").read_text())
    modules = reached(folder / "train.py")
    for name in modules:
        if not (folder / f"{name}.py").exists():
            shutil.copy(ROOT / f"{name}.py", folder)
    setup = (folder / "setup.py").read_text()
    listed = ", ".join(f'"{name}"' for name in modules)
    (folder / "setup.py").write_text(re.sub(r"py_modules=\[.*?\]", f"py_modules=[{listed}]", setup, flags=re.DOTALL))
    shutil.copytree(ROOT / TESTS, folder / TESTS, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(OWN / "Makefile", folder)
    shutil.copy(OWN / "gitignore", folder / ".gitignore")


def reached(script: Path) -> list[str]:
    """The template's modules that a script imports, or that these import, and the script itself; by name."""
    found: set[str] = set()
    waiting = [script]
    while waiting:
        path = waiting.pop()
        found.add(path.stem)
        nodes = list(ast.walk(ast.parse(path.read_text())))
        names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
        names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
        waiting += [ROOT / f"{name}.py" for name in names - found if (ROOT / f"{name}.py").is_file()]
    return sorted(found)
