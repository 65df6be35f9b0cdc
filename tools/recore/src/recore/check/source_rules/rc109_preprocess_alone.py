"""Step 2 gets `preprocess.py` and the data, neither the submission's other files nor the packages of
`requirements.txt`. Only the standard library and the container's packages can be imported there.

    from mdl import TARGETS              # mdl.py is not there in step 2

Fix: move what `preprocess.py` needs into it, and let the other files import it from there. An import inside a function
is a warning, because `train.py` may be the only one that calls it.
"""

from recore.check.container import is_in_container
from recore.check.rule import Finding, Findings, Level, Place, rule
from recore.check.source import SubmissionSource
from recore.distribution import PACKAGES


@rule("preprocess.py imports only the standard library and the container's packages")
def inspect(source: SubmissionSource) -> Findings:
    script = source.script("preprocess.py")
    for statement in script.imports if script else []:
        if statement.optional or is_in_container(statement.top):  # a file of the same name is a finding of RC110
            continue
        if not statement.module:
            message, fix = "a relative import outside a package: ImportError", "import the module without dots"
        elif source.find_module(statement.top) or source.find_other_case(statement.top):
            message = f"step 2 runs preprocess.py without the submission's other files, so {statement.top!r} is missing"
            fix = f"move what is needed of {statement.module} into preprocess.py"
        elif statement.top in PACKAGES:
            message = f"{statement.top} is for this machine, and no job has it: ModuleNotFoundError"
            fix = f"do without {statement.top}"
        else:
            message = f"step 2 does not install requirements.txt, and the container has no {statement.top!r}"
            fix = f"do without {statement.top} in preprocess.py, or use it in train.py instead"
        level = Level.WARNING if statement.context.function else Level.ERROR
        yield Finding(message, fix, Place("preprocess.py", statement.line), level)
