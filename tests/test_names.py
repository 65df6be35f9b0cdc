"""Names in recore/: class names are unique, and a room (top folder) shares no file name with a room that it imports."""

import ast
from collections import defaultdict
from pathlib import Path

from support.checkout import ROOT

RECORE = ROOT / "recore"
LIBRARY = RECORE / "container/library"  # packages for jobs, with the names of the packages that they replace
FILES = sorted(path for path in RECORE.rglob("*.py") if not path.is_relative_to(LIBRARY))


def room_of(path: Path) -> str:
    """Return the folder of recore/ that contains a file, or the file's own name."""
    return path.relative_to(RECORE).parts[0]


def imported_rooms(path: Path) -> set[str]:
    """Return the rooms from which a file imports."""
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "recore":
            rooms |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            rooms |= {node.module}
        elif isinstance(node, ast.Import):
            rooms |= {alias.name for alias in node.names}
    return {name.split(".")[1] for name in rooms if name.startswith("recore.")} | {
        name for name in rooms if (RECORE / name).is_dir()
    }


def test_no_two_classes_have_the_same_name() -> None:
    locations = defaultdict(list)
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef):
                locations[node.name].append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert len(locations) > 50
    duplicates = [f"{name}: {', '.join(lines)}" for name, lines in sorted(locations.items()) if len(lines) > 1]
    assert not duplicates, "\n".join(duplicates)


def test_no_two_files_have_the_same_name_if_one_room_imports_the_other() -> None:
    imports, paths = defaultdict(set), defaultdict(list)
    for path in FILES:
        imports[room_of(path)] |= imported_rooms(path) - {room_of(path)}
        if path.name != "__init__.py" and path.parent != RECORE:
            paths[path.name].append(path)
    assert "evaluation" in imports["report"]  # this shows that imports are found
    duplicates = []
    for name, files in sorted(paths.items()):
        rooms = {room_of(path) for path in files}
        related_rooms = {
            room for room in rooms if any(room in imports[other] or other in imports[room] for other in rooms)
        }
        if related_rooms:
            locations = [str(path.relative_to(ROOT)) for path in files if room_of(path) in related_rooms]
            duplicates.append(f"{name}: {', '.join(locations)}")
    assert not duplicates, "\n".join(duplicates)
