"""docs/architecture.md describes the packages that exist, and packages use of each other only what they offer."""

import ast
import re
from importlib.util import resolve_name
from pathlib import Path

import pytest
from support.checkout import ROOT

SOURCE = ROOT / "tools/src"
PAGE = (ROOT / "tools/docs/architecture.md").read_text("utf-8")
SECTIONS = {"recore": "## The packages of recore", "stagemaker": "## Inside stagemaker"}  # each has a table of packages
# what other packages may import besides a package's __init__: modules that are namespaces, and packages without one
NAMESPACES = {
    "cli -> recore.evaluation.board",
    "check -> recore.evaluation.job_requests",
    "cli -> recore.web.server",
}
OPEN = {"production"}  # packages whose modules others import one by one, so that a command loads only what it needs


def packages_in(root: str) -> set[str]:
    """Return the packages in a package."""
    return {path.parent.name for path in (SOURCE / root).glob("*/__init__.py")}


def section(root: str) -> str:
    """Return the section of the page about a package."""
    return PAGE.partition(f"{SECTIONS[root]}\n")[2].partition("\n## ")[0]


def imported_modules(path: Path) -> set[str]:
    """Return the full names of what a file imports from recore and stagemaker."""
    names = set()
    package = ".".join(path.relative_to(SOURCE).parent.parts)
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = resolve_name("." * node.level + (node.module or ""), package)
            names |= {f"{module}.{alias.name}" for alias in node.names}
    return {name for name in names if name.startswith(("recore.", "stagemaker."))}


def imported_packages() -> dict[str, set[str]]:
    """Return the packages of recore that each package of recore imports."""
    packages = packages_in("recore")
    imports = {name: set().union(*map(imported_modules, (SOURCE / "recore" / name).rglob("*.py"))) for name in packages}
    return {name: {each.split(".")[1] for each in imports[name]} & packages - {name} for name in packages}


@pytest.mark.parametrize("root", SECTIONS)
def test_the_table_lists_every_package_once(root: str) -> None:
    listed = re.findall(r"^\| `(\w+)` \|", section(root), re.MULTILINE)
    assert sorted(listed) == sorted(packages_in(root))


def test_the_table_names_the_packages_that_each_package_imports() -> None:
    """In the last cell, text after a semicolon does not name imports."""
    rows = re.findall(r"^\| `(\w+)` \|.*\| ([^|]*) \|$", section("recore"), re.MULTILINE)
    documented = {package: set(re.findall(r"`(\w+)`", cell.partition(";")[0])) for package, cell in rows}
    assert documented == imported_packages()


def test_packages_use_of_each_other_only_what_their_init_offers() -> None:
    """An exception that nothing uses any more is reported, too."""
    packages = packages_in("recore")
    used = set()
    for path in (SOURCE / "recore").rglob("*.py"):
        importer = path.relative_to(SOURCE / "recore").parts[0].removesuffix(".py")
        for name in imported_modules(path):
            root, package, *rest = name.split(".")
            is_module = len(rest) > 1 or (rest and (SOURCE / root / package / f"{rest[0]}.py").exists())
            if root == "recore" and package in packages - OPEN - {importer} and is_module:
                used.add(f"{importer} -> {'.'.join([root, package, rest[0]])}")
    assert used == NAMESPACES


def test_the_submission_imports_nothing_of_the_tools() -> None:
    files = [*ROOT.glob("*.py")]
    assert len(files) >= 6
    importing = re.compile(r"^\s*(?:from|import) (?:recore|stagemaker)\b", re.MULTILINE)
    assert [path.name for path in files if importing.search(path.read_text("utf-8"))] == []


def test_temporary_folders_of_commands_are_removed_even_after_a_kill() -> None:
    """Only folders beside an output, or of programs that travel alone, are not made by `locked.temporary_folder`."""
    alone = ("recore/model/", "recore/production/containers/", "recore/check/programs/", "recore/handover/steps.py")
    for path in (SOURCE / "recore").rglob("*.py"):
        if not path.relative_to(SOURCE).as_posix().startswith(alone):
            calls = re.findall(r"tempfile\.(?:TemporaryDirectory|mk[sd]?temp)\b(?!\(dir=).*", path.read_text("utf-8"))
            assert calls == [], path


def test_the_simulators_region_and_account_are_defined_once() -> None:
    from stagemaker.protocol.account import ACCOUNT, REGION

    files = (SOURCE / "stagemaker").rglob("*.py")
    assert [path.name for path in files if re.search(f"{REGION}|{ACCOUNT}", path.read_text("utf-8"))] == ["account.py"]


def test_every_mentioned_file_exists() -> None:
    names = set(re.findall(r"`([\w/]+\.py)`", PAGE))
    assert len(names) > 10
    paths = [*SOURCE.rglob("*.py"), *(ROOT / "tools").glob("*.py"), *ROOT.glob("tests/**/*.py"), *ROOT.glob("*.py")]
    paths += (ROOT / "tools/tests").rglob("*.py")
    files = {f"/{path.relative_to(ROOT).as_posix()}" for path in paths}
    missing = [name for name in sorted(names) if not any(file.endswith(f"/{name}") for file in files)]
    assert not missing
