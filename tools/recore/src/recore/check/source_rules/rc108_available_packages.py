"""A job has the packages of the container and of `requirements.txt`. Importing any other package works locally, but
fails in the job with ModuleNotFoundError.

    import lightgbm                      # not in the container, and not in requirements.txt

Fix: add the package and its version to `requirements.txt`. An import inside `try ... except ImportError` is accepted.
An import in a function is a warning, and so is a module that a package of `requirements.txt` may provide under another
name.
"""

from recore.check.rule import Finding, Findings, Level, Location, rule
from recore.check.script import ImportStatement
from recore.check.source import SubmissionSource
from recore.distribution import PACKAGES
from recore.failures import missing_module_fix
from recore.listing import list_names


@rule("All packages that train.py imports are in the container or in requirements.txt")
def inspect(source: SubmissionSource) -> Findings:
    for script in source.follow_imports("train.py"):
        if script.file == "preprocess.py":  # has its own, stricter rule
            continue
        for statement in script.imports:
            is_executed = script.file == "train.py" or not statement.context.main
            if is_executed and not statement.optional and not source.is_available(statement):
                yield _finding(source, script.file, statement)


def _finding(source: SubmissionSource, file: str, statement: ImportStatement) -> Finding:
    location = Location(file, statement.line)
    if not statement.module:
        fix = "import the module without dots; the scripts are not in a package"
        return Finding("a relative import outside a package raises ImportError", fix, location)
    if other := source.find_other_case(statement.top):
        module = other.removesuffix(".py")
        message = f"the module {statement.top!r} does not exist, only {other}: names are case-sensitive on Linux"
        return Finding(message, f"import {module}", location)
    _, unknown = source.required_modules
    level = Level.WARNING if unknown or statement.context.function else Level.ERROR
    if statement.top in PACKAGES:
        message = f"{statement.top} is a local tool that jobs do not have: the import raises ModuleNotFoundError"
        return Finding(message, missing_module_fix(statement.top, source.tree.path) or "", location)
    missing = f"the container has no {statement.top!r}, and requirements.txt does not list it"
    message = f"{missing}: the import raises ModuleNotFoundError"
    fix = missing_module_fix(statement.top, source.tree.path) or f"add {statement.top} to requirements.txt"
    if unknown:
        message = (
            f"the container has no {statement.top!r}, and it is unknown whether {list_names(unknown, 3)} in "
            "requirements.txt provides it"
        )
        fix = "install requirements.txt locally and check again"
    return Finding(message, fix, location, level)
