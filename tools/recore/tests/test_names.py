import ast
from collections import defaultdict
from pathlib import Path

from support.checkout import ROOT

RECORE = ROOT / "tools/recore/src/recore"
STAGEMAKER = ROOT / "tools/stagemaker/src/stagemaker"
LIBRARY = STAGEMAKER / "container/library"  # packages for jobs, with the names of what they replace
FILES = [path for root in (RECORE, STAGEMAKER) for path in root.rglob("*.py") if not path.is_relative_to(LIBRARY)]


def part_of(path: Path) -> str:
    return path.relative_to(RECORE).parts[0].removesuffix(".py")


def imported_parts(path: Path) -> set[str]:
    modules = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "recore":
            modules |= {f"recore.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules |= {node.module}
        elif isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
    return {name.split(".")[1] for name in modules if name.startswith("recore.")}


def test_no_two_classes_have_the_same_name() -> None:
    locations = defaultdict(list)
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef):
                locations[node.name].append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert len(locations) > 50
    duplicates = [f"{name}: {', '.join(lines)}" for name, lines in sorted(locations.items()) if len(lines) > 1]
    assert not duplicates, "\n".join(duplicates)


def test_no_two_files_of_recore_have_the_same_name_if_one_part_imports_the_other() -> None:
    imports, paths = defaultdict(set), defaultdict(list)
    for path in RECORE.rglob("*.py"):
        imports[part_of(path)] |= imported_parts(path) - {part_of(path)}
        if path.name != "__init__.py" and path.parent != RECORE:
            paths[path.name].append(path)
    assert "evaluation" in imports["report"]  # this shows that imports are found
    duplicates = []
    for name, files in sorted(paths.items()):
        parts = {part_of(path) for path in files}
        related_parts = {
            part for part in parts if any(part in imports[other] or other in imports[part] for other in parts)
        }
        if related_parts:
            locations = [str(path.relative_to(ROOT)) for path in files if part_of(path) in related_parts]
            duplicates.append(f"{name}: {', '.join(locations)}")
    assert not duplicates, "\n".join(duplicates)
