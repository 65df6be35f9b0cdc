"""While the model is loaded, Python reports each name that a pickle resolves, each file that is opened for writing, and
each process, network address and thread. A model needs the names of data and estimators, and none of the rest, so a
host will reject other names. The rest can also be caused by model_fn, and is an error only with `--for-host`.

    def __reduce__(self): return os.system, ("curl example.org",)

The rule sees neither what code in other languages does, nor a file that model_fn does not load, nor what a model does
later, such as during predictions. train.py and the packages of requirements.txt can change the record. It is also an
error if the record is incomplete, for example because loading exceeds a limit of the job.

Fix: keep only data and estimators in the model.
"""

from collections.abc import Collection

from recore.check.experiments import Experiments
from recore.check.failures import ExperimentError
from recore.check.job_results import CODE_EVENTS, LoadRecord
from recore.check.model_names import contains_code, is_expected
from recore.check.rule import Finding, Findings, rule

MAX_SHOWN = 10  # names or events in a message
FIX = "Keep only data and estimators in the model"
UNOBSERVED = "The load of the model could not be observed"


def find_names(record: LoadRecord, own_modules: Collection[str]) -> list[str]:
    """Return the names that a model does not need, except those that RC401 and RC403 report."""
    return [
        f"{module}.{name}".rstrip(".")
        for module, name in record.names
        if module != "__main__" and not contains_code(module, name) and not is_expected(module, name, own_modules)
    ]


def find_events(record: LoadRecord) -> list[str]:
    """Return the events that a model does not cause, except those that RC403 reports."""
    return [f"{event} {arguments}".strip() for event, arguments in record.events if event not in CODE_EVENTS]


@rule("While the model is loaded, Python reports only names that models need", needs=("RC301",))
def inspect(experiments: Experiments) -> Findings:
    location = experiments.scripts.locate("save_model")
    try:
        record = experiments.loading()
    except ExperimentError as failed:
        yield failed.finding(UNOBSERVED)
        return
    own_modules = {file.partition("/")[0].removesuffix(".py") for file in experiments.submission.files}
    if names := find_names(record, own_modules):
        yield Finding(f"While it is loaded, the model resolves {_join(names)}, which no model needs", FIX, location)
    if events := find_events(record):
        message = f"While the model is loaded, files, processes, addresses or threads are used: {_join(events)}"
        yield Finding(message, FIX, location, experiments.host_level)
    if record.problem:
        yield Finding(f"{UNOBSERVED}: {record.problem}", FIX, location)


def _join(items: list[str]) -> str:
    others = len(items) - MAX_SHOWN
    return ", ".join(items[:MAX_SHOWN]) + (f" and {others} more" if others > 0 else "")
