"""The model was written with dill or cloudpickle. It loads only where a compatible version of that extension is
installed. Both store bytecode, which another version of Python cannot run.

    cloudpickle.dump(model, file)

Fix: use pickle or joblib, and define functions and classes at the top level of a module that setup.py names.
"""

from recore.check.experiments import Experiments
from recore.check.failures import failure_of
from recore.check.pickles import EXTENSIONS
from recore.check.rule import Finding, Findings, Level, rule

FIX = "Use pickle or joblib, and define functions and classes at the top level of a module that setup.py names"


@rule("The model is a pickle without extensions", needs=("RC301", "RC501"))
def inspect(experiments: Experiments) -> Findings:
    place = experiments.scripts.place_of("save_model")
    for pickle in experiments.pickles():
        used = sorted({module.split(".")[0] for module in pickle.modules} & EXTENSIONS)
        for extension in used:
            failed = failure_of(experiments.serving)  # model-does-not-load is about the other reasons
            there = not (failed and failed.lacks_module(extension))
            message = f"{pickle.name} was written with {extension}, and loads only with a compatible version of it"
            if not there:
                message = f"{pickle.name} needs {extension}, which is not installed where the model is served"
            yield Finding(message, FIX, place, Level.WARNING if there else Level.ERROR)
        if pickle.foreign:
            message = f"{pickle.name} is not a pickle, in spite of its name, so its requirements are unknown"
            yield Finding(message, FIX, place, Level.WARNING)
