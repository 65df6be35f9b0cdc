"""docs/architecture.md and its drawing describe the packages that exist."""

import ast
import re
from importlib.util import resolve_name
from pathlib import Path
from xml.etree import ElementTree

import pytest

from stagemaker.protocol.account import ACCOUNT, REGION

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/architecture.md").read_text("utf-8")
DRAWING = ElementTree.parse(ROOT / "docs/architecture.svg").getroot()


SECTIONS = {"recore": "# Architecture", "recore/simulator": "## Inside the simulator"}  # each has a table of packages
SVG = "{http://www.w3.org/2000/svg}"
BOX_NAME = f"{SVG}text[@class='t']"  # the name in a box of the drawing


def packages_in(folder: str) -> set[str]:
    """Return the packages in a folder."""
    return {path.parent.name for path in (ROOT / folder).glob("*/__init__.py")}


def section(folder: str) -> str:
    """Return the section of the page about the packages in a folder."""
    return PAGE.partition(f"{SECTIONS[folder]}\n")[2].partition("\n## ")[0]


def listed_packages(folder: str) -> list[str]:
    """Return the packages in the first column of a folder's table."""
    return re.findall(r"^\| `(\w+)` \|", section(folder), re.MULTILINE)


def imported_modules(package: str) -> set[str]:
    """Return the full names of recore's modules that the files of a package import."""
    names = set()
    for path in (ROOT / package).rglob("*.py"):
        package_name = ".".join(path.relative_to(ROOT).parent.parts)
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                module = resolve_name("." * node.level + (node.module or ""), package_name)
                names |= {f"{module}.{alias.name}" for alias in node.names}
    return {name for name in names if name.startswith("recore.")}


def differences(folder: str, listed_names: list[str], location: str) -> list[str]:
    """Return a problem for each package that is not listed, is listed twice or does not exist. Files are ignored."""
    names, packages = [name for name in listed_names if not name.endswith(".py")], packages_in(folder)
    problems = [f"{folder}/{name}/ is missing from {location}: add it" for name in sorted(packages - set(names))]
    problems += [
        f"{location} lists `{name}`, but there is no {folder}/{name}/" for name in sorted(set(names) - packages)
    ]
    return problems + [f"{location} lists `{name}` twice" for name in sorted({n for n in names if names.count(n) > 1})]


@pytest.mark.parametrize("folder", SECTIONS)
def test_the_table_lists_every_package(folder: str) -> None:
    location = f"the table of docs/architecture.md below '{SECTIONS[folder]}'"
    assert not differences(folder, listed_packages(folder), location)


def imported_packages() -> dict[str, set[str]]:
    """Return the packages that each package of recore imports."""
    packages = packages_in("recore")
    modules = {package: imported_modules(f"recore/{package}") for package in packages}
    return {package: {name.split(".")[1] for name in modules[package]} & packages - {package} for package in packages}


def test_the_table_names_the_packages_that_each_package_imports() -> None:
    """In the last cell, text after a semicolon does not name imports."""
    rows = re.findall(r"^\| `(\w+)` \|.*\| ([^|]*) \|$", section("recore"), re.MULTILINE)
    documented = {package: set(re.findall(r"`(\w+)`", cell.partition(";")[0])) for package, cell in rows}
    assert documented == imported_packages()


def test_simulator_packages_import_only_packages_below_them() -> None:
    folder, listed_names = "recore/simulator", listed_packages("recore/simulator")
    for number, package in enumerate(listed_names):
        higher_packages = tuple(f"stagemaker.{name}." for name in listed_names[:number])
        assert not {
            name for name in imported_modules(f"{folder}/{package}") if f"{name}.".startswith(higher_packages)
        }, package


def test_the_simulators_region_and_account_are_defined_once() -> None:
    files = (ROOT / "recore/simulator").rglob("*.py")
    assert [path.name for path in files if re.search(f"{REGION}|{ACCOUNT}", path.read_text("utf-8"))] == ["account.py"]


def test_the_drawing_shows_every_package() -> None:
    names = [element.text or "" for element in DRAWING.iterfind(BOX_NAME)]
    assert not differences("recore", names, "the drawing docs/architecture.svg")
    scripts = [name for name in names if name.endswith(".py")]
    assert scripts
    assert [name for name in scripts if not (ROOT / name).is_file()] == []


def test_the_arrows_of_the_drawing_are_the_imports() -> None:
    """A dashed arrow is not an import. The box of cli says what it imports, and that of failures what imports it."""
    _, *frames = DRAWING.iterfind(f"{SVG}rect")
    boxes = {
        name.text: [float(frame.attrib[key]) for key in ("x", "y", "width", "height")]
        for frame, name in zip(frames, DRAWING.iterfind(BOX_NAME), strict=True)
    }

    def box_at(line: ElementTree.Element, end: str) -> str | None:
        """Return the box that an end of an arrow touches; its head ends just before the box."""
        x, y = float(line.attrib[f"x{end}"]), float(line.attrib[f"y{end}"])
        return next(
            name
            for name, (left, top, width, height) in boxes.items()
            if left - 3 <= x <= left + width + 3 and top - 3 <= y <= top + height + 3
        )

    lines = [line for line in DRAWING.iterfind(f"{SVG}line[@class='a']") if "stroke-dasharray" not in line.attrib]
    arrows = {(box_at(line, "1"), box_at(line, "2")) for line in lines}
    imports = {(package, name) for package, names in imported_packages().items() for name in names}
    expected = {(package, name) for package, name in imports if package != "cli" and name != "failures"}
    from_cli = {arrow for arrow in arrows if arrow[0] == "cli"}
    assert arrows - from_cli == expected | {("train.py", "preprocess.py"), ("predict.py", "train.py")}
    assert from_cli <= imports


def test_the_drawing_says_what_cli_imports_and_what_imports_failures() -> None:
    text, imports = "\n".join(DRAWING.itertext()), imported_packages()
    [exceptions, importers] = re.findall("imports all but (.*)|imported by (.*)", text)
    assert imports["cli"] == packages_in("recore") - {"cli", *re.findall(r"\w+", exceptions[0])}
    importing = {package for package, names in imports.items() if "failures" in names}
    assert importing == set(re.findall(r"\w+", importers[1])) - {"and"}


def test_every_mentioned_file_exists() -> None:
    section_text = PAGE.partition("## Inside the simulator\n")[2].partition("\n## Design decisions")[0]
    names = set(re.findall(r"`([\w/]+\.py)`", section_text))
    assert len(names) > 10
    paths = [*ROOT.glob("recore/**/*.py"), *ROOT.glob("challenge/*.py"), *ROOT.glob("*.py")]
    files = {path.relative_to(ROOT).as_posix() for path in paths}
    missing = [name for name in sorted(names) if not any(f"/{file}".endswith(f"/{name}") for file in files)]
    assert not missing
