"""A pickle refers to classes and functions by module and name. In the training job, train.py is the main program, so a
class that train.py defines is called `__main__.X`. The server imports train.py as `train`, so it cannot load the model
and never responds to /ping.

    class Clipped(BaseEstimator): ...   # in train.py, and the model is an instance of it

Fix: move the class to a separate module that setup.py lists, or import train.py under its own name, as the template's
main() does with `import train`.
"""

from recore.check.experiments import Experiments
from recore.check.rule import Finding, Findings, rule

FIX = "Move the definition to a module that setup.py lists, and import it in train.py"


@rule("The model needs nothing from __main__", needs=("RC301",))
def inspect(experiments: Experiments) -> Findings:
    for module, name in experiments.loaded().names:
        if module == "__main__":
            message = f"The model needs __main__.{name}, which the server does not have because it imports train.py"
            yield Finding(message, FIX, experiments.scripts.locate(name.partition(".")[0]))
