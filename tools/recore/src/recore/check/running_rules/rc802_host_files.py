"""A step needs only /opt/ml, /tmp and the installed packages, and has no reason to read /etc, home folders or other
processes' files. The sandbox does not contain the host's files.

    open("/etc/passwd")

Fix: read the line, and ask the author.
"""

from recore.check.experiments import Experiments
from recore.check.job_results import find_events
from recore.check.rule import Findings, rule

FIX = "Read this line before you trust the submission; a step needs only /opt/ml and /tmp"


@rule("The submission stays within the folders of its jobs", needs=("RC804",))
def inspect(experiments: Experiments) -> Findings:
    yield from find_events(experiments.observations(), "files", "uses files outside its folders", FIX)
