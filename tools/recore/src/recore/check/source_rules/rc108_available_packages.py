"""A job has the packages of the container and what `requirements.txt` adds. Any other import works on your machine and
ends the job with ModuleNotFoundError.

    import lightgbm                      # not in the container, and not in requirements.txt

Fix: add the package, with its version, to `requirements.txt`. An import inside `try ... except ImportError` is
accepted. An import in a function is a warning, and so is one that a package of `requirements.txt` may provide under
another name.
"""

from recore.check.rule import Finding, Findings, Level, Place, rule
from recore.check.script import ImportStatement
from recore.check.source import SubmissionSource
from recore.distribution import PACKAGES
from recore.failures import missing_module_hint
from recore.listing import list_names


@rule("What train.py imports is in the container or in requirements.txt")
def inspect(source: SubmissionSource) -> Findings:
    for script in source.reached_from("train.py"):
        if script.file == "preprocess.py":  # it has a stricter rule of its own
            continue
        for statement in script.imports:
            executed = script.file == "train.py" or not statement.context.main
            if executed and not statement.optional and not source.is_available(statement):
                yield _finding(source, script.file, statement)


def _finding(source: SubmissionSource, file: str, statement: ImportStatement) -> Finding:
    place = Place(file, statement.line)
    if not statement.module:
        fix = "name the module without dots: the scripts are at the top level of the path"
        return Finding("a relative import outside a package: ImportError", fix, place)
    if other := source.find_other_case(statement.top):
        module = other.removesuffix(".py")
        message = f"there is no module {statement.top!r}, but {other}: Linux distinguishes upper and lower case"
        return Finding(message, f"import {module}", place)
    _, unknown = source.required_modules
    level = Level.WARNING if unknown or statement.context.function else Level.ERROR
    if statement.top in PACKAGES:
        message = f"{statement.top} is for this machine, and no job has it: ModuleNotFoundError"
        return Finding(message, missing_module_hint(statement.top, source.tree.path) or "", place)
    message = f"the container has no {statement.top!r}, and requirements.txt does not name it: ModuleNotFoundError"
    fix = missing_module_hint(statement.top, source.tree.path) or f"add {statement.top} to requirements.txt"
    if unknown:
        message = (
            f"the container has no {statement.top!r}, and it is not known here whether {list_names(unknown, 3)} in "
            "requirements.txt provides it"
        )
        fix = "install requirements.txt here and check again"
    return Finding(message, fix, place, level)
