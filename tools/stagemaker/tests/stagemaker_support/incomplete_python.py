"""A Python environment without the packages that a distribution requires."""

import shutil
import subprocess
import sys
from pathlib import Path

import click


def make_incomplete_python(folder: Path, **sources: Path) -> Path:
    """Create a Python with only click and the distributions in `sources` (name=folder), and return its executable."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    target = next((folder / "lib").iterdir()) / "site-packages"
    packages = Path(click.__file__).parents[1]
    for pattern in ("click", "click-*", *(f"{name}-*" for name in sources)):
        for path in packages.glob(pattern):
            shutil.copytree(path, target / path.name)
    (target / "sources.pth").write_text("".join(f"{source}\n" for source in sources.values()))
    return folder / "bin/python"
