"""The submission starts other programs, or signals other processes. Only for hosts. Processes for parallel work are
harmless, and this is a warning; a shell, a compiler or a signal to other processes needs an explanation. Seen by
Python's audit events; what code in other languages starts is counted by the supervisor of the job, which limits the
number of processes, but not seen here.

    os.kill(os.getppid(), 9)

Fix: read the line, and ask the author.
"""

from collections.abc import Iterator

from recore.check.experiments import Experiments
from recore.check.observed import find_events
from recore.check.rule import Finding, Level, rule

FIX = "Read this line before you trust the submission"


@rule("RC803", "The submission starts no other programs", needs=("RC252", "RC804"))
def inspect(experiments: Experiments) -> Iterator[Finding]:
    yield from find_events(experiments.observations(), "processes", "starts or signals processes", FIX, Level.WARNING)
