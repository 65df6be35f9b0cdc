"""Step 2 gets only `preprocess.py` and the data, not the submission's other files or the packages of
`requirements.txt`. It can import only the standard library and the container's packages.

    from mdl import TARGETS              # step 2 has no mdl.py

Fix: move the code that `preprocess.py` needs into it; other files can import it from there. An import inside a
function is a warning, because the function may be called only by `train.py`.
"""

from recore.check.container import is_in_container
from recore.check.rule import Finding, Findings, Level, Location, rule
from recore.check.source import SubmissionSource
from recore.distribution import PACKAGES


@rule("preprocess.py imports only the standard library and the container's packages")
def inspect(source: SubmissionSource) -> Findings:
    script = source.script("preprocess.py")
    for statement in script.imports if script else []:
        if statement.optional or is_in_container(statement.top):  # a file of the same name is a finding of RC110
            continue
        if not statement.module:
            message, fix = "a relative import outside a package raises ImportError", "import the module without dots"
        elif source.find_module(statement.top) or source.find_other_case(statement.top):
            message = f"step 2 runs preprocess.py without the submission's other files, so {statement.top!r} is missing"
            fix = f"move the code that is needed from {statement.module} into preprocess.py"
        elif statement.top in PACKAGES:
            message = f"{statement.top} is a local tool that jobs do not have: the import raises ModuleNotFoundError"
            fix = f"remove {statement.top} from preprocess.py"
        else:
            message = f"step 2 does not install requirements.txt, and the container has no {statement.top!r}"
            fix = f"remove {statement.top} from preprocess.py, or use it in train.py instead"
        level = Level.WARNING if statement.context.function else Level.ERROR
        yield Finding(message, fix, Location("preprocess.py", statement.line), level)
