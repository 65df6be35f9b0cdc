"""The uploaded files."""

import ast
import importlib.util
import sys
from pathlib import Path

import pytest

needs_setuptools = pytest.mark.skipif(
    importlib.util.find_spec("setuptools") is None,
    reason="setuptools, with which setup.py packs the upload, is not installed: pip install setuptools",
)


@needs_setuptools
def test_the_upload_contains_the_scripts_but_neither_score_nor_data(upload_folder: Path) -> None:
    names = {path.relative_to(upload_folder).as_posix() for path in upload_folder.rglob("*") if path.is_file()}
    assert {"train.py", "preprocess.py"} <= names
    assert "score.py" not in names
    assert not [name for name in names if name.endswith((".csv", ".gz", ".pkl"))]


def test_setup_py_is_python_3_8_and_imports_setuptools_alone(submission: Path) -> None:
    """The Unearthed CLI runs setup.py in an environment where only setuptools is installed."""
    tree = ast.parse((submission / "setup.py").read_text(), feature_version=(3, 8))
    assert {name.split(".")[0] for name in imported_modules(tree)} <= {"setuptools", *sys.stdlib_module_names}


@needs_setuptools
def test_requirements_are_uploaded_if_a_third_party_module_is_imported(upload_folder: Path) -> None:
    """The platform has only the container's packages and the packages in requirements.txt."""
    modules = {path.stem for path in upload_folder.glob("*.py")} | {
        path.name for path in upload_folder.iterdir() if path.is_dir()
    }
    available = {"numpy", "scipy", "sklearn", "pandas", "pyarrow", "joblib", "threadpoolctl", *sys.stdlib_module_names}
    third_party = {
        name.split(".")[0]
        for path in upload_folder.rglob("*.py")
        for name in imported_modules(ast.parse(path.read_text()))
        if name.split(".")[0] not in modules | available
    }
    missing = sorted(name for name in third_party if importlib.util.find_spec(name) is None)
    advice = "list your own modules in setup.py's py_modules; list packages in requirements.txt and install them"
    assert not missing, f"imported, but neither uploaded nor installed: {', '.join(missing)}; {advice}"
    assert not third_party or (upload_folder / "requirements.txt").is_file(), (
        f"list these packages in requirements.txt: {', '.join(sorted(third_party))}"
    )


def imported_modules(tree: ast.AST) -> set[str]:
    nodes = list(ast.walk(tree))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return names | {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}
