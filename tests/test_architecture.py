"""docs/architecture.md describes the packages that there are."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/architecture.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("package", "heading"), [("recore", "# Architecture"), ("simulator", "## Inside the simulator")]
)
def test_the_table_lists_every_package(package: str, heading: str) -> None:
    section = PAGE.partition(f"{heading}\n")[2].partition("\n## ")[0]
    listed = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    folder = next(path for path in (ROOT / "recore", ROOT / "recore/simulator") if path.name == package)
    packages = {path.parent.name for path in folder.glob("*/__init__.py")}
    assert sorted(listed) == sorted(packages)


def test_every_file_that_is_named_exists() -> None:
    section = PAGE.partition("## Inside the simulator\n")[2].partition("\n## Design decisions")[0]
    names = set(re.findall(r"`([\w/]+\.py)`", section))
    assert len(names) > 10
    files = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("recore/**/*.py")} | {"train.py", "fitting.py"}
    missing = [name for name in sorted(names) if not any(f"/{file}".endswith(f"/{name}") for file in files)]
    assert not missing
