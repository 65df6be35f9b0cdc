"""The server starts a process for each CPU, and each process loads the model. On ml.m5.xlarge (four CPUs, 16 GiB), a
model of 2 GiB takes most of the memory, and the server may be killed.

    ExtraTreesRegressor(n_estimators=2000)   # of full depth, for each target

Fix: keep only the data that predictions need, and limit the number and the depth of trees.
"""

from recore.check.experiments import Experiments
from recore.check.model_archives import get_size
from recore.check.rule import Finding, Findings, Level, rule

WARN_BYTES = 1 << 30  # bytes
ERROR = 4 << 30  # bytes: four processes of this size need all of the memory
FIX = "Keep only the data that predictions need in the model; limit the number and the depth of trees"


def judge(size: int) -> tuple[str, Level] | None:
    """Return a message and its level for a model of this size in bytes, or None if it is small enough."""
    if size < WARN_BYTES:
        return None
    message = f"The model takes {size / (1 << 30):.1f} GiB, and each of the server's four processes loads it"
    return message, Level.ERROR if size >= ERROR else Level.WARNING


@rule("The model is small enough to be served", needs=("RC301",))
def inspect(experiments: Experiments) -> Findings:
    if verdict := judge(get_size(experiments.training().archive)):
        yield Finding(verdict[0], FIX, experiments.scripts.locate("save_model"), verdict[1])
