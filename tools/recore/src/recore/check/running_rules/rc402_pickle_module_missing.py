"""Training and serving run in different containers. The server can load the model only if each module that the pickle
refers to is in the archive, the container or requirements.txt.

    sys.path.append("/tmp/made")   # and the model contains a class of a module there

Fix: list the module in `py_modules` of setup.py, or its package in requirements.txt.
"""

from recore.check.experiments import Experiments
from recore.check.failures import failure_of
from recore.check.pickles import EXTENSIONS
from recore.check.rule import Finding, Findings, Location, rule

FIX = "List the module in py_modules of setup.py, or its package in requirements.txt"


@rule("The server has all modules that the model needs", needs=("RC301", "RC501"))
def inspect(experiments: Experiments) -> Findings:
    if failed := failure_of(experiments.serving):  # RC405 reports other reasons
        for pickle in experiments.pickles():
            for module in pickle.modules:
                if failed.lacks_module(module) and module.split(".")[0] not in EXTENSIONS:
                    message = f"{pickle.name} needs the module {module}, which the server cannot import"
                    yield Finding(message, FIX, Location("setup.py"))
