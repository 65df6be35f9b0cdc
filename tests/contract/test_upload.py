"""The uploaded files."""

import ast
import importlib.util
import sys
from pathlib import Path


def test_the_upload_contains_the_scripts_but_neither_score_nor_data(shipped: Path) -> None:
    names = {path.relative_to(shipped).as_posix() for path in shipped.rglob("*") if path.is_file()}
    assert {"train.py", "preprocess.py"} <= names
    assert "score.py" not in names
    assert not [name for name in names if name.endswith((".csv", ".gz", ".pkl"))]


def test_setup_py_is_python_3_8_and_imports_setuptools_alone(submission: Path) -> None:
    """The Unearthed CLI runs setup.py in an environment where nothing but setuptools is installed."""
    tree = ast.parse((submission / "setup.py").read_text(), feature_version=(3, 8))
    assert {name.split(".")[0] for name in imported(tree)} <= {"setuptools", *sys.stdlib_module_names}


def test_requirements_are_uploaded_if_a_module_of_another_package_is_imported(shipped: Path) -> None:
    """Only the container's packages, and those that requirements.txt names, are available on the platform."""
    modules = {path.stem for path in shipped.glob("*.py")} | {path.name for path in shipped.iterdir() if path.is_dir()}
    available = {"numpy", "scipy", "sklearn", "pandas", "pyarrow", "joblib", "threadpoolctl", *sys.stdlib_module_names}
    others = {
        name.split(".")[0]
        for path in shipped.rglob("*.py")
        for name in imported(ast.parse(path.read_text()))
        if name.split(".")[0] not in modules | available
    }
    missing = sorted(name for name in others if importlib.util.find_spec(name) is None)
    advice = "name it in py_modules of setup.py where it is yours, otherwise in requirements.txt, and install it"
    assert not missing, f"{', '.join(missing)}: imported, but neither uploaded nor installed; {advice}"
    assert not others or (shipped / "requirements.txt").is_file(), f"{others}: name them in requirements.txt"


def imported(tree: ast.AST) -> set[str]:
    """Return the names of the modules that a file imports, except relative ones."""
    nodes = list(ast.walk(tree))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return names | {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}
