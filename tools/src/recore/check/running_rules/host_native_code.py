"""The submission loads libraries of its own choice with ctypes. This rule is only for hosts. Python's audit events, by
which the other rules for hosts see what a submission tries, do not cover code in other languages. The sandbox confines
such code like any other, but no rule shows what it does.

    ctypes.CDLL(None).connect(...)

Fix: read the line, and rely on the sandbox alone.
"""

from collections.abc import Iterator

from recore.check.experiments import Experiments
from recore.check.observed import find_events
from recore.check.rule import Finding, Level, rule

FIX = "Read this line: the sandbox confines the library, but these rules cannot see what it does"


@rule("RC805", "The submission loads no libraries itself", needs=("RC252", "RC804"))
def inspect(experiments: Experiments) -> Iterator[Finding]:
    yield from find_events(experiments.observations(), "native", "loads a library itself", FIX, Level.WARNING)
