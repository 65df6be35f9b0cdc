"""Training and serving happen in different containers. The server loads the model only if each module that the pickle
names is in the archive, the container or requirements.txt.

    sys.path.append("/tmp/made")   # and the model holds a class of a module there

Fix: name the module in `py_modules` of setup.py, or its package in requirements.txt.
"""

from recore.check.experiments import Experiments
from recore.check.failures import failure_of
from recore.check.pickles import EXTENSIONS
from recore.check.rule import Finding, Findings, Place, rule

FIX = "Name the module in py_modules of setup.py, or its package in requirements.txt"


@rule("The modules that the model needs exist where it is served", needs=("RC301", "RC501"))
def inspect(experiments: Experiments) -> Findings:
    if failed := failure_of(experiments.serving):  # model-does-not-load is about the other reasons
        for pickle in experiments.pickles():
            for module in pickle.modules:
                if failed.lacks_module(module) and module.split(".")[0] not in EXTENSIONS:
                    message = f"{pickle.name} needs the module {module}, which cannot be imported where it is served"
                    yield Finding(message, FIX, Place("setup.py"))
