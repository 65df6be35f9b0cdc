import ast
import sys

from support.checkout import ROOT

CONTAINER_PACKAGES = {"boto3", "botocore", "click", "flask", "gunicorn", "werkzeug", "yaml"}
# Flask requires click, and boto3 requires botocore.
PINNED_PACKAGES = ("boto3", "Flask", "gunicorn", "PyYAML", "Werkzeug")


def test_the_package_imports_only_what_the_container_has() -> None:
    imported = set()
    for path in (ROOT / "tools/recore/src/recore/model").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.level <= 1, path
                if not node.level and node.module:
                    imported.add(node.module.partition(".")[0])
    assert imported - sys.stdlib_module_names == CONTAINER_PACKAGES


def test_the_container_has_the_imported_packages() -> None:
    requirements = (ROOT / "tools/stagemaker/src/stagemaker/container/packages.txt").read_text()
    assert all(f"\n{name}==" in requirements for name in PINNED_PACKAGES)
