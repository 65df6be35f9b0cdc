"""The submission starts or signals processes. Parallel work is harmless, so this is a warning; a shell, a compiler or a
signal to other processes needs an explanation. The job's supervisor limits the number of processes.

    os.kill(os.getppid(), 9)

Fix: read the line, and ask the author.
"""

from recore.check.experiments import Experiments
from recore.check.job_results import find_events
from recore.check.rule import Findings, Level, rule

FIX = "Read this line before you trust the submission"


@rule("The submission starts no other programs", needs=("RC804",))
def inspect(experiments: Experiments) -> Findings:
    yield from find_events(experiments.observations(), "processes", "starts or signals processes", FIX, Level.WARNING)
