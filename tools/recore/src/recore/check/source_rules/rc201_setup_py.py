"""`unearthed build` runs `setup.py` with Python 3.8 and only setuptools installed. With newer syntax or other imports,
the build fails, and the client uploads the archive from an earlier build. Without `py_modules`, the archive is empty.

    from mdl import __version__          # not installed where setup.py runs
    setup(name="mine", py_modules=["train", "preprocess"])

Fix: import only setuptools, call `setup()` once, and list existing modules by name in `py_modules` and `packages`.
`find_packages()` with literal arguments is evaluated. Other expressions, such as a list comprehension, cannot be read;
in this case, check the `src.tar.gz` that the build writes.
"""

import ast
import sys
import warnings

from recore.check.rule import Finding, Findings, Location, rule
from recore.check.source import SetupFile, SubmissionSource
from recore.check.submission_tree import UnreadableFile
from recore.failures import similar_file_fix

ALLOWED = {"setuptools", "distutils", "pkg_resources", *sys.stdlib_module_names}
UNSUPPORTED_ARGS = {"package_dir", "package_data", "data_files", "scripts", "ext_modules"}
FIX_LISTS = "write py_modules and packages as lists of names, or check the src.tar.gz that `unearthed build` writes"


@rule("The Unearthed CLI's build can run setup.py, which lists the modules", needs=("RC203",))
def inspect(source: SubmissionSource) -> Findings:
    if not source.tree.is_folder:  # the built archive does not contain it
        return
    try:
        content = source.tree.read("setup.py")
    except UnreadableFile as error:
        fix = similar_file_fix("setup.py", source.tree.list_folder("")) or "copy the one from the template"
        yield Finding(f"{error}, but it must list the files to upload", fix, Location("setup.py"))
        return
    setup = source.setup
    problem = _syntax_problem(content)
    if setup is None or problem or setup.script.problem:
        line, reason = problem or (setup.script.problem_line, setup.script.problem) if setup else (0, "")
        message = f"it is run with Python 3.8, which cannot compile it: {reason}"
        yield Finding(message, "write it for Python 3.8, like the template's setup.py", Location("setup.py", line))
        return
    findings = [*_import_problems(setup), *_call_problems(setup, source)]
    yield from findings or _upload_problems(source)


def _import_problems(setup: SetupFile) -> Findings:
    for statement in setup.script.imports:
        if statement.top not in ALLOWED and not statement.optional:
            module = statement.module or "a relative module"
            message = f"it imports {module}, which is not installed where setup.py runs"
            yield Finding(message, "import only setuptools", Location("setup.py", statement.line))


def _upload_problems(source: SubmissionSource) -> Findings:
    """Yield problems that also stop `recore run`: links that leave the folder, or patterns that setuptools rejects."""
    try:
        source.uploads  # noqa: B018 - it is determined once, for all rules
    except (ValueError, OSError, RuntimeError) as error:
        reason = str(error).removeprefix(f"{source.tree.path}/")
        file = reason.partition(":")[0]
        location = Location(file) if source.tree.exists(file) else Location("setup.py")
        yield Finding(f"the files to upload cannot be determined: {reason}", "fix the cause", location)


def _call_problems(setup: SetupFile, source: SubmissionSource) -> Findings:
    if len(setup.calls) != 1:
        line = setup.calls[1].lineno if setup.calls else 0
        message = f"it calls setup() {len(setup.calls)} times; exactly one call is needed"
        yield Finding(message, "call setup() once", Location("setup.py", line))
        return
    for name, line in setup.unreadable.items():
        message = f"the argument {name} of setup() cannot be read without running setup.py"
        yield Finding(message, FIX_LISTS, Location("setup.py", line))
    for keyword in setup.calls[0].keywords:
        if keyword.arg in UNSUPPORTED_ARGS:
            message = f"{keyword.arg} moves or adds files in the upload, which is not supported"
            fix = "put the scripts at the top level; list them in py_modules, and other files in MANIFEST.in"
            yield Finding(message, fix, Location("setup.py", keyword.value.lineno))
    if not setup.unreadable and not setup.modules and not setup.packages:
        message = "setup() lists no modules, so the upload does not contain the scripts"
        yield Finding(message, 'add py_modules=["preprocess", "train"]', Location("setup.py", setup.line))
    for name, line in setup.modules.items():
        if not _is_module(name):
            yield Finding(f"{name!r} is not a module name", "write it without .py", Location("setup.py", line))
        elif not source.tree.is_file(file := f"{name.replace('.', '/')}.py"):
            fix = similar_file_fix(file, source.tree.list_folder("")) or "correct the name, or remove it"
            if name.endswith(".py") and source.tree.is_file(name):
                file, fix = f"folder {name.removesuffix('.py')}", f'write "{name.removesuffix(".py")}" without .py'
            elif source.tree.list_folder(name.replace(".", "/")):
                fix = f'{name} is a folder: list it in packages=["{name}"]'
            yield Finding(f"it lists {name}, but {file} does not exist", fix, Location("setup.py", line))
    for name, line in setup.packages.items():
        if not _is_module(name) or not source.tree.list_folder(name.replace(".", "/")):
            is_file = source.tree.is_file(f"{name.replace('.', '/')}.py")
            fix = "list it in py_modules: it is a file" if is_file else "correct the name, or remove it"
            yield Finding(f"it lists the package {name}, which does not exist", fix, Location("setup.py", line))


def _is_module(name: str) -> bool:
    return all(part.isidentifier() for part in name.split("."))


def _syntax_problem(content: bytes) -> tuple[int, str] | None:
    """Return the line and the message of a syntax error for Python 3.8, or None if the parser detects none."""
    try:
        with warnings.catch_warnings(action="ignore"):
            ast.parse(content, feature_version=(3, 8))
    except SyntaxError as error:
        return max(error.lineno or 0, 0), error.msg
    except (ValueError, RecursionError, MemoryError) as error:
        return 0, str(error) or "its expressions are nested too deeply"
    return None
