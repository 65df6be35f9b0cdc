import ast
import itertools
import re
from collections import defaultdict
from importlib.util import resolve_name
from pathlib import Path

from support.checkout import ROOT

SOURCE = ROOT / "tools/recore/src/recore"
STAGEMAKER = ROOT / "tools/stagemaker/src/stagemaker"
PAGE = (ROOT / "tools/recore/docs/architecture.md").read_text("utf-8")
TABLE = PAGE.partition("## The packages\n")[2].partition("\n## ")[0]
# modules that other packages may import directly, because they are used as namespaces or their package exports nothing
NAMESPACES = {
    "cli -> recore.evaluation.leaderboard",
    "check -> recore.evaluation.job_requests",
    "cli -> recore.web.server",
}
OPEN_PACKAGES = {"production"}  # a command imports only the modules that it needs from these packages


def imported_modules(path: Path) -> set[str]:
    names = set()
    package = ".".join(path.relative_to(SOURCE.parent).parent.parts)
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = resolve_name("." * node.level + (node.module or ""), package)
            names |= {f"{module}.{alias.name}" for alias in node.names}
    return {name for name in names if name.startswith("recore.")}


PACKAGES = {path.parent.name for path in SOURCE.glob("*/__init__.py")}


def imported_packages() -> dict[str, set[str]]:
    imports = {name: set().union(*map(imported_modules, (SOURCE / name).rglob("*.py"))) for name in PACKAGES}
    return {name: {each.split(".")[1] for each in imports[name]} & PACKAGES - {name} for name in PACKAGES}


def test_the_table_lists_every_package_once() -> None:
    assert sorted(re.findall(r"^\| `(\w+)` \|", TABLE, re.MULTILINE)) == sorted(PACKAGES)


def test_the_table_names_the_packages_that_each_package_imports() -> None:
    """In the table's last column, only the text before a semicolon lists imports."""
    rows = re.findall(r"^\| `(\w+)` \|.*\| ([^|]*) \|$", TABLE, re.MULTILINE)
    documented = {package: set(re.findall(r"`(\w+)`", cell.partition(";")[0])) for package, cell in rows}
    assert documented == imported_packages()


def test_packages_use_of_each_other_only_what_their_init_offers() -> None:
    used_names = set()
    for path in SOURCE.rglob("*.py"):
        importer = path.relative_to(SOURCE).parts[0].removesuffix(".py")
        for name in imported_modules(path):
            _, package, *submodules = name.split(".")
            is_module = len(submodules) > 1 or (submodules and (SOURCE / package / f"{submodules[0]}.py").exists())
            if package in PACKAGES - OPEN_PACKAGES - {importer} and is_module:
                used_names.add(f"{importer} -> recore.{package}.{submodules[0]}")
    assert used_names == NAMESPACES


def test_the_submission_imports_nothing_of_the_tools() -> None:
    files = [*ROOT.glob("*.py")]
    assert len(files) >= 6
    importing = re.compile(r"^\s*(?:from|import) (?:recore|stagemaker)\b", re.MULTILINE)
    assert [path.name for path in files if importing.search(path.read_text("utf-8"))] == []


def test_temporary_folders_of_commands_are_removed_even_after_a_kill() -> None:
    """Only temporary folders next to an output, or in standalone programs, bypass `locked.temporary_folder`."""
    allowed_paths = ("model/", "production/containers/", "check/programs/", "handover/steps.py")
    for path in SOURCE.rglob("*.py"):
        if not path.relative_to(SOURCE).as_posix().startswith(allowed_paths):
            calls = re.findall(r"tempfile\.(?:TemporaryDirectory|mk[sd]?temp)\b(?!\(dir=).*", path.read_text("utf-8"))
            assert calls == [], path


def test_every_mentioned_file_exists() -> None:
    names = set(re.findall(r"`([\w/]+\.py)`", PAGE))
    assert len(names) > 10
    paths = [*ROOT.glob("*.py"), *ROOT.glob("tests/**/*.py"), *ROOT.glob("tools/recore/**/*.py")]
    paths += (ROOT / "tools/stagemaker/src").rglob("*.py")
    files = [f"/{path.relative_to(ROOT).as_posix()}" for path in paths]
    assert [name for name in sorted(names) if not any(file.endswith(f"/{name}") for file in files)] == []


def test_no_two_classes_have_the_same_name() -> None:
    locations = defaultdict(list)
    library = STAGEMAKER / "container/library"  # packages for jobs, named like the packages they replace
    for path in [*SOURCE.rglob("*.py"), *STAGEMAKER.rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_bytes())) if not path.is_relative_to(library) else ():
            if isinstance(node, ast.ClassDef):
                locations[node.name].append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert len(locations) > 50
    assert [each for each in locations.values() if len(each) > 1] == []


def test_no_two_files_have_the_same_name_if_one_package_imports_the_other() -> None:
    imports, packages = imported_packages(), defaultdict(set)
    for path in SOURCE.glob("*/**/*.py"):
        if path.name != "__init__.py":
            packages[path.name].add(path.relative_to(SOURCE).parts[0])
    assert "evaluation" in imports["report"]  # proves that imports are detected
    pairs = [(name, *pair) for name, each in packages.items() for pair in itertools.permutations(each & PACKAGES, 2)]
    assert [pair for pair in pairs if pair[2] in imports[pair[1]]] == []
