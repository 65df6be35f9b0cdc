"""The submission loads arbitrary libraries with ctypes. The other rules for hosts cannot observe native code; the
sandbox confines it like any other code.

    ctypes.CDLL(None).connect(...)

Fix: read the line, and rely on the sandbox alone.
"""

from recore.check.experiments import Experiments
from recore.check.job_results import find_events
from recore.check.rule import Findings, Level, rule

FIX = "Read this line: the sandbox confines the library, but these rules cannot see its actions"


@rule("The submission loads no libraries itself", needs=("RC804",))
def inspect(experiments: Experiments) -> Findings:
    yield from find_events(experiments.observations(), "native", "loads a library itself", FIX, Level.WARNING)
