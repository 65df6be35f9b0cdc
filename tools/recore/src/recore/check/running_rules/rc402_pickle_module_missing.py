"""Training and serving run in different containers. The server can load the model only if each module that the pickle
refers to is in the archive, the container or requirements.txt. Loading ends at the first module that is missing.

    sys.path.append("/tmp/made")   # and the model contains a class of a module there

Fix: list the module in `py_modules` of setup.py, or its package in requirements.txt.
"""

from recore.check.experiments import Experiments
from recore.check.rule import Finding, Findings, Location, rule

FIX = "List the module in py_modules of setup.py, or its package in requirements.txt"


@rule("The server has all modules that the model needs", needs=("RC301",))
def inspect(experiments: Experiments) -> Findings:
    for module, name in experiments.loaded().missing:
        message = f"The model needs {name} from the module {module}, which the server cannot import"
        yield Finding(message, FIX, Location("setup.py"))
