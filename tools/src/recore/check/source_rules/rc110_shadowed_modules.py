"""The folder of the scripts comes first on the path of a job. A file with the name of a package, such as `scipy.py`, is
imported instead of it, even by the container's own programs. One with the name of a standard library module, such as
`random.py`, breaks libraries in ways that are hard to recognise.

Fix: rename the file, and correct its imports.
"""

from collections.abc import Iterator

from recore.check.container import PINNED_MODULES, REQUIRED_MODULES, is_in_container
from recore.check.rule import Finding, Level, Place, rule
from recore.check.source import SubmissionSource


@rule(
    "No file has the name of a package or of a standard library module",
    needs=("RC201",),
)
def inspect(source: SubmissionSource) -> Iterator[Finding]:
    files = {script.file for script in source.scripts} | set(source.uploads)
    tops = {file.partition("/")[0] if file.endswith("/__init__.py") else file for file in files}
    for file in sorted(tops):
        name = file.removesuffix(".py")
        if "/" in file or not is_in_container(name) or (name == file and f"{name}/__init__.py" not in files):
            continue
        path = file if file in files else f"{name}/__init__.py"
        package = name in PINNED_MODULES | REQUIRED_MODULES
        message = f"it is imported in place of {'the package' if package else 'the standard library module'} {name!r}"
        uploaded = path in source.uploads
        if not uploaded:
            message += " on this machine only: it is not uploaded"
        level = Level.ERROR if package or not uploaded else Level.WARNING
        yield Finding(message, "rename it and its imports", Place(path), level)
