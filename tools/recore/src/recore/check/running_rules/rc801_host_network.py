"""The submission tries to use the network, to which jobs have no access: this can be a library's telemetry, a download
that worked locally, or an attempt to send data away.

    urllib.request.urlopen("https://example.org", data=rows)

Fix: read the line, and ask the author.
"""

from recore.check.experiments import Experiments
from recore.check.job_results import find_events
from recore.check.rule import Findings, rule

FIX = "Read this line before you trust the submission; jobs have no network"


@rule("The submission does not try to use the network", needs=("RC804",))
def inspect(experiments: Experiments) -> Findings:
    yield from find_events(experiments.observations(), "network", "tries to use the network", FIX)
