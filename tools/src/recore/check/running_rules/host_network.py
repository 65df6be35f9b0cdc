"""The submission tries to use the network. This rule is only for hosts. Jobs have no network, so the attempt fails; it
may be telemetry of a library, a download that worked at home, or an attempt to send data away. The rule sees Python's
audit events, in all Python programs that a step starts; the sandbox also stops code in other languages, but the rule
does not see it.

    urllib.request.urlopen("https://example.org", data=rows)

Fix: read the line, and ask the author.
"""

from collections.abc import Iterator

from recore.check.experiments import Experiments
from recore.check.observed import find_events
from recore.check.rule import Finding, rule

FIX = "Read this line before you trust the submission; jobs have no network"


@rule("RC801", "The submission does not try to use the network", needs=("RC252", "RC804"))
def inspect(experiments: Experiments) -> Iterator[Finding]:
    yield from find_events(experiments.observations(), "network", "tries to use the network", FIX)
