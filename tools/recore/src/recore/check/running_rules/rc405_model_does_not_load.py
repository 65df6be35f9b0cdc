"""Each prediction job starts a new server, which imports train.py and calls model_fn. If that fails, the job ends
after many minutes with the message "did not pass the ping health check" but no reason.

    open(model_dir + "/model.pickle", "rb")   # while save_model writes model.pkl

The finding gives the cause if it is a common one: train.py trains when it is imported, because it has no main guard;
model_fn trains; or a file in the submission's folder is not uploaded.

Fix: follow the message. All files that model_fn needs must be in SM_MODEL_DIR or in the archive.
"""

from recore.check.experiments import Experiments
from recore.check.failures import GENERAL_FIX, failure_of
from recore.check.rule import Finding, Findings, rule

FIX = "Correct model_fn: it can use only the files that train.py saved in model_dir and the modules in the archive"


@rule("A new server can load the model", needs=("RC401", "RC402", "RC404", "RC501"))
def inspect(experiments: Experiments) -> Findings:
    failed = failure_of(experiments.serving)
    if failed and failed.outside:
        yield failed.finding("The model could not be served")
    elif failed:
        location = failed.location or experiments.scripts.locate("model_fn")
        is_general = failed.fix.startswith(GENERAL_FIX) and not failed.is_installation
        yield Finding(f"The server does not start: {failed}", FIX if is_general else failed.fix, location)
