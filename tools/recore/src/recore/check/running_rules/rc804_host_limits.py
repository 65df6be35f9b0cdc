"""A job's supervisor terminates the job if it uses too much time, memory or disk space, or too many processes. The rule
also reports a submission that terminates the program that observes it, or forges that program's report.

    while True: os.fork()

Fix: do not run the submission again without limits.
"""

import contextlib
import re

from recore.check.experiments import Experiments
from recore.check.failures import ExperimentError
from recore.check.rule import Finding, Findings, Level, rule

LIMITS = re.compile(
    r"more memory|more processes|No space left on device|time limit|MaxRuntimeInSeconds|SIGKILL|longer than"
)
FIX = "Do not run this submission without the limits of a sandbox"
FIX_UNOBSERVED = "Read the step's code; its actions could not be observed"
TIMED_OUT = 124


@rule("The submission stays within the limits of its jobs")
def inspect(experiments: Experiments) -> Findings:
    failures = experiments.failures()
    for step, failed in failures.items():
        if LIMITS.search(str(failed)):
            yield Finding(f"The job {step} exceeds a limit: {failed}", FIX, failed.location)
    try:
        observations = experiments.observations()
    except ExperimentError as failed:
        yield failed.finding("The submission could not be observed")
        return
    for step, observation in observations.items():
        if observation.status == TIMED_OUT:
            yield Finding(f"The job {step} takes longer than {observation.seconds:.0f} s while it is observed", FIX)
        elif observation.status and not failures:
            with contextlib.suppress(ExperimentError):
                if step.startswith("private") and experiments.variations()["private"].problem:
                    continue  # RC503 reports it
            yield Finding(f"The job {step} fails only while it is observed", FIX_UNOBSERVED, level=Level.WARNING)
