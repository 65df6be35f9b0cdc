"""`unearthed build` runs `setup.py` with Python 3.8 and setuptools alone, and packs what it lists. Syntax of a newer
Python, or an import of another package, ends the build. The client nevertheless reports success, and uploads the
archive of an earlier build. Without `py_modules`, for example with the metadata in `pyproject.toml`, the archive is
empty. With `package_dir` the scripts are not at its top level.

    from mdl import __version__          # not installed where setup.py runs
    setup(name="mine", py_modules=["train", "preprocess"])

Fix: import nothing but setuptools, call `setup()` once, and list the modules by name in `py_modules` and `packages`.
Lists that are known only when the file runs, such as that of `find_packages()`, cannot be checked and count as an
error; check the `src.tar.gz` that the build leaves instead.
"""

import ast
import sys
import warnings
from collections.abc import Iterator

from recore.check.rule import Finding, Place, rule
from recore.check.script import ENTRY_POINTS
from recore.check.setup_file import SetupFile
from recore.check.source import SubmissionSource
from recore.check.submission_tree import UnreadableFile

ALLOWED = {"setuptools", "distutils", "pkg_resources", *sys.stdlib_module_names}
UNSUPPORTED = {"package_dir", "package_data", "data_files", "scripts", "ext_modules"}
FIX_LISTS = "write py_modules and packages as lists of names, or check the src.tar.gz that `unearthed build` leaves"


@rule("RC201", "setup.py can be run by the Unearthed CLI's build, and lists modules")
def inspect(source: SubmissionSource) -> Iterator[Finding]:
    if not source.tree.is_folder:  # the archive that it leaves does not hold it
        return
    try:
        content = source.tree.read("setup.py")
    except UnreadableFile as error:
        yield Finding(f"{error}, but it must name the files to upload", "copy the template's", Place("setup.py"))
        return
    setup = source.setup
    problem = _syntax_problem(content)
    if setup is None or problem or setup.script.problem:
        line, reason = problem or (setup.script.problem_line, setup.script.problem) if setup else (0, "")
        message = f"Python 3.8, which runs it, cannot compile it: {reason}"
        yield Finding(message, "write it for Python 3.8, like the template's", Place("setup.py", line))
        return
    for statement in setup.script.imports:
        if statement.top not in ALLOWED and not statement.optional:
            yield Finding(
                f"it imports {statement.module or 'a relative module'}, which is not installed where setup.py runs",
                "import nothing but setuptools",
                Place("setup.py", statement.line),
            )
    yield from _call_problems(setup, source)


def _call_problems(setup: SetupFile, source: SubmissionSource) -> Iterator[Finding]:
    if len(setup.calls) != 1:
        line = setup.calls[1].lineno if setup.calls else 0
        message = f"it calls setup() {len(setup.calls)} times; exactly one call is needed"
        yield Finding(message, "call setup() once", Place("setup.py", line))
        return
    for name, line in setup.unreadable.items():
        message = f"the argument {name} of setup() cannot be read without running it"
        yield Finding(message, FIX_LISTS, Place("setup.py", line))
    for keyword in setup.calls[0].keywords:
        if keyword.arg in UNSUPPORTED:
            message = f"{keyword.arg} moves or adds files in the upload, in ways that are not supported here"
            fix = "put the scripts at the top level, name them in py_modules, and other files in MANIFEST.in"
            yield Finding(message, fix, Place("setup.py", keyword.value.lineno))
    if not setup.unreadable and not setup.modules and not setup.packages:
        message = "setup() lists no modules, so the upload does not contain the scripts"
        yield Finding(message, 'add py_modules=["preprocess", "train"]', Place("setup.py", setup.line))
    for name, line in setup.modules.items():
        if not _is_module(name):
            yield Finding(f"{name!r} is not a module name", "write it without .py", Place("setup.py", line))
        elif (file := f"{name.replace('.', '/')}.py") not in ENTRY_POINTS and not source.tree.is_file(file):
            yield Finding(
                f"it names {name}, but there is no {file}",
                "correct the name, or remove it",
                Place("setup.py", line),
            )
    for name, line in setup.packages.items():
        if not _is_module(name) or not source.tree.list_folder(name.replace(".", "/")):
            fix = "correct the name, or remove it"
            yield Finding(f"it names the package {name}, which does not exist", fix, Place("setup.py", line))


def _is_module(name: str) -> bool:
    return all(part.isidentifier() for part in name.split("."))


def _syntax_problem(content: bytes) -> tuple[int, str] | None:
    """The line and the message of what Python 3.8 does not accept, as far as a newer parser knows it."""
    try:
        with warnings.catch_warnings(action="ignore"):
            ast.parse(content, feature_version=(3, 8))
    except SyntaxError as error:
        return max(error.lineno or 0, 0), error.msg
    except (ValueError, RecursionError, MemoryError) as error:
        return 0, str(error) or "its expressions are nested too deeply"
    return None
