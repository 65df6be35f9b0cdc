"""docs/architecture.md and its drawing describe the packages that there are."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/architecture.md").read_text("utf-8")


SECTIONS = {"recore": "# Architecture", "recore/simulator": "## Inside the simulator"}  # each has a table of packages
NAME = "{http://www.w3.org/2000/svg}text[@class='t']"  # of what a box in the drawing stands for


def packages_in(folder: str) -> set[str]:
    """The packages of a folder."""
    return {path.parent.name for path in (ROOT / folder).glob("*/__init__.py")}


def differences(folder: str, listed: list[str], where: str) -> list[str]:
    """What a list of packages, with any files besides, has too much, twice or not at all."""
    names, packages = [name for name in listed if not name.endswith(".py")], packages_in(folder)
    problems = [f"{folder}/{name}/ is missing in {where}: add it" for name in sorted(packages - set(names))]
    problems += [f"{where} has `{name}`, and there is no {folder}/{name}/" for name in sorted(set(names) - packages)]
    return problems + [f"{where} has `{name}` twice" for name in sorted({n for n in names if names.count(n) > 1})]


@pytest.mark.parametrize("folder", SECTIONS)
def test_the_table_lists_every_package(folder: str) -> None:
    heading = SECTIONS[folder]
    section = PAGE.partition(f"{heading}\n")[2].partition("\n## ")[0]
    listed = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    assert not differences(folder, listed, f"the table of docs/architecture.md below '{heading}'")


@pytest.mark.parametrize("folder", SECTIONS)
def test_the_table_names_the_packages_that_each_imports(folder: str) -> None:
    """Those that the text names are packages; what imports what, Import Linter checks."""
    section = PAGE.partition(f"{SECTIONS[folder]}\n")[2].partition("\n## ")[0]
    imports = re.findall(r"^\| `(\w+)` \|.*\| ([^|]*) \|$", section, re.MULTILINE)
    assert len(imports) == len(packages_in(folder))
    named = {name for _, cell in imports for name in re.findall(r"`(\w+)`", cell)}
    assert named <= packages_in(folder)


def test_the_drawing_shows_every_package() -> None:
    names = [element.text or "" for element in ElementTree.parse(ROOT / "docs/architecture.svg").iterfind(f".//{NAME}")]
    assert not differences("recore", names, "the drawing docs/architecture.svg")
    scripts = [name for name in names if name.endswith(".py")]
    assert scripts
    assert [name for name in scripts if not (ROOT / name).is_file()] == []


def test_every_file_that_is_named_exists() -> None:
    section = PAGE.partition("## Inside the simulator\n")[2].partition("\n## Design decisions")[0]
    names = set(re.findall(r"`([\w/]+\.py)`", section))
    assert len(names) > 10
    files = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("recore/**/*.py")} | {"train.py", "fitting.py"}
    missing = [name for name in sorted(names) if not any(f"/{file}".endswith(f"/{name}") for file in files)]
    assert not missing
