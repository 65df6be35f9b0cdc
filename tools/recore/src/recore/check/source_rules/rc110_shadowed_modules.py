"""The folder of the scripts comes first on a job's Python path. A file with the name of a package, such as `scipy.py`,
is imported instead of the package, even by the container's own programs. A file with the name of a standard library
module, such as `random.py`, breaks libraries in ways that are hard to diagnose. If `estimators.py` and a folder
`estimators` both exist, Python imports only one of them.

Fix: rename the file or the folder, and correct its imports.
"""

from recore.check.container import PINNED_MODULES, REQUIRED_MODULES, is_in_container
from recore.check.rule import Finding, Findings, Level, Location, rule
from recore.check.source import SubmissionSource


@rule("No file has the name of a package, a standard library module or a folder of modules", needs=("RC201",))
def inspect(source: SubmissionSource) -> Findings:
    files = {script.file for script in source.scripts} | set(source.uploads)
    tops = {file.partition("/")[0] if file.endswith("/__init__.py") else file for file in files}
    for file in sorted(tops):
        name = file.removesuffix(".py")
        if "/" in file or not is_in_container(name) or (name == file and f"{name}/__init__.py" not in files):
            continue
        path = file if file in files else f"{name}/__init__.py"
        package = name in PINNED_MODULES | REQUIRED_MODULES
        message = f"it is imported instead of {'the package' if package else 'the standard library module'} {name!r}"
        uploaded = path in source.uploads
        if not uploaded:
            message += ", but only locally: it is not uploaded"
        level = Level.ERROR if package or not uploaded else Level.WARNING
        yield Finding(message, "rename it and correct its imports", Location(path), level)
    yield from _find_twins(source)


def _find_twins(source: SubmissionSource) -> Findings:
    """Yield findings about modules that exist both as a file and as a folder, if the folder is uploaded or imported."""
    imported = {statement.module for script in source.scripts for statement in script.imports}
    for name in sorted(source.twin_modules):
        is_package = source.tree.is_file(f"{name}/__init__.py")
        used = any(file.startswith(f"{name}/") for file in source.uploads)
        used = used or any(module.startswith(f"{name}.") for module in imported)
        if used or (is_package and name in imported):
            file, folder = f"{name}.py", f"the folder {name}"
            used_path, ignored_path = (folder, file) if is_package else (file, folder)
            message = f"there are both {file} and a folder {name}: Python imports {used_path} and never {ignored_path}"
            level = Level.ERROR if used else Level.WARNING  # a job gets only the file
            yield Finding(message, f"rename the folder {name} and correct its imports", Location(file), level)
