"""The model was written with dill or cloudpickle. It can be loaded only where a compatible version of that package is
installed. Both packages store bytecode, which another version of Python cannot run.

    cloudpickle.dump(model, file)

Fix: use pickle or joblib, and define functions and classes at the top level of a module that setup.py lists.
"""

from recore.check.experiments import Experiments
from recore.check.failures import failure_of
from recore.check.pickles import EXTENSIONS
from recore.check.rule import Finding, Findings, Level, rule

FIX = "Use pickle or joblib, and define functions and classes at the top level of a module that setup.py lists"


@rule("The model is a pickle without extensions", needs=("RC301", "RC501"))
def inspect(experiments: Experiments) -> Findings:
    location = experiments.scripts.locate("save_model")
    for pickle in experiments.pickles():
        used_packages = sorted({module.split(".")[0] for module in pickle.modules} & EXTENSIONS)
        for extension in used_packages:
            failed = failure_of(experiments.serving)  # RC405 reports other reasons
            installed = not (failed and failed.lacks_module(extension))
            message = f"{pickle.name} was written with {extension} and needs a compatible version of it"
            if not installed:
                message = f"{pickle.name} needs {extension}, which the server does not have"
            yield Finding(message, FIX, location, Level.WARNING if installed else Level.ERROR)
        if pickle.is_foreign:
            message = f"{pickle.name} is not a pickle, despite its name, so its requirements are unknown"
            yield Finding(message, FIX, location, Level.WARNING)
