"""The model contains code: dill and cloudpickle store bytecode, which another version of Python cannot run.
A model can also read attributes by name, as pickled methods do, or evaluate a string. Then the names that are
resolved while the model is loaded do not show what it does, so this is an error with `--for-host`.

    cloudpickle.dump(model, file)

Fix: use pickle or joblib, and define functions and classes at the top level of a module that setup.py lists.
"""

from recore.check.experiments import Experiments
from recore.check.job_results import CODE_EVENTS, LoadRecord
from recore.check.model_names import EXTENSIONS, contains_code
from recore.check.rule import Finding, Findings, rule

FIX = "Use pickle or joblib, and define functions and classes at the top level of a module that setup.py lists"


def judge(record: LoadRecord) -> str:
    """Return a message if the model contains code, otherwise ""."""
    sources = [event for event, _ in record.events if event in CODE_EVENTS]
    for module, name in record.names:
        package = module.partition(".")[0]
        if contains_code(module, name):
            sources.append(package if package in EXTENSIONS else f"{module}.{name}")
    found = ", ".join(dict.fromkeys(sources))
    return f"The model contains code ({found}): it cannot be judged" if found else ""


@rule("The model contains no code", needs=("RC301",))
def inspect(experiments: Experiments) -> Findings:
    if message := judge(experiments.loaded()):
        yield Finding(message, FIX, experiments.scripts.locate("save_model"), experiments.host_level)
