"""`unearthed build` packs only the modules that `setup.py` lists. Any other file that `train.py` imports is found
locally, but missing in the training job.

    from mdl import Ridge                # mdl is not in py_modules of setup.py

Fix: add the module to `py_modules` of `setup.py`, or its folder to `packages`. `score.py` is the host's and is never
uploaded.
"""

from recore.check.container import is_in_container
from recore.check.rule import Finding, Findings, Level, Location, rule
from recore.check.script import ENTRY_POINTS
from recore.check.source import SubmissionSource
from recore.failures import similar_file_fix


@rule("setup.py lists every module that train.py imports, directly or indirectly", needs=("RC201",))
def inspect(source: SubmissionSource) -> Findings:
    for name in ENTRY_POINTS:
        if name not in source.uploads:
            line = source.setup.line if source.setup else 0
            fix = similar_file_fix(name, source.tree.list_folder("")) if source.tree.is_folder else None
            fix = fix or f'add "{name.removesuffix(".py")}" to py_modules of setup.py'
            yield Finding(f"{name} is not uploaded", fix, Location("setup.py", line))
    reported_files = set()
    for script in source.follow_imports("train.py"):
        for statement in script.imports:
            is_executed = script.file == "train.py" or not statement.context.main
            if statement.optional or not is_executed or script.file not in source.uploads:
                continue
            if is_in_container(statement.top) or statement.top in source.twin_modules:  # RC110 reports it
                continue
            for file in source.local_files(statement):
                if not file.endswith(".py") or file in source.uploads or file in ENTRY_POINTS or file in reported_files:
                    continue
                reported_files.add(file)
                level = Level.WARNING if statement.context.function else Level.ERROR
                message = f"{file} is imported, but not uploaded: setup.py does not list it"
                yield Finding(message, _suggest_fix(file), Location(script.file, statement.line), level)


def _suggest_fix(file: str) -> str:
    if file in ("score.py", "predict.py"):
        return f"copy the code that you need into another file; {file} is never uploaded"
    if "/" in file:
        return f'add "{file.rpartition("/")[0].replace("/", ".")}" to packages of setup.py'
    return f'add "{file.removesuffix(".py")}" to py_modules of setup.py'
