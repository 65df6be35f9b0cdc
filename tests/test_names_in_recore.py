"""Names in recore/ are unambiguous: of its classes, and of files in packages that import each other."""

import ast
from collections import Counter
from pathlib import Path

from support.checkout import ROOT

FILES = sorted((ROOT / "recore").rglob("*.py"))
TREES = {path: ast.parse(path.read_text()) for path in FILES}


def package(path: Path) -> str:
    """The first folder below recore/, or nothing."""
    folders = path.relative_to(ROOT / "recore").parts[:-1]
    return folders[0] if folders else ""


def imported_packages(tree: ast.AST) -> set[str]:
    modules = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]
    return {module.split(".")[1] for module in modules if module.startswith("recore.")}


def test_no_two_classes_have_the_same_name() -> None:
    names = Counter(node.name for tree in TREES.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    assert len(names) > 50
    assert [name for name, count in names.items() if count > 1] == []


def test_no_two_files_of_packages_that_import_each_other_have_the_same_name() -> None:
    names: dict[str, set[str]] = {}
    imports: dict[str, set[str]] = {}
    for path, tree in TREES.items():
        names.setdefault(package(path), set()).add(path.stem)
        imports.setdefault(package(path), set()).update(imported_packages(tree))
    pairs = [(one, other) for one in imports for other in imports[one] & set(names) if one != other]
    assert ("report", "pipeline") in pairs
    shared = {pair: names[pair[0]] & names[pair[1]] - {"__init__"} for pair in pairs}
    assert {pair: both for pair, both in shared.items() if both} == {}
