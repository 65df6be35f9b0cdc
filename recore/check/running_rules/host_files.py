"""The submission tries to read or write files outside the folders of its job. Only for hosts. A step needs /opt/ml,
/tmp and the installed packages. Who looks at /etc, at home folders or at other processes looks for something else. The
sandbox has no such files of the host. Seen by Python's audit events; what code in other languages does is prevented by
the sandbox, but not seen.

    open("/etc/passwd")

Fix: read the line, and ask the author.
"""

from collections.abc import Iterator

from recore.check.experiments import Experiments
from recore.check.observed import find_events
from recore.check.rule import Finding, Rule

FIX = "Read this line before you trust the submission; a step needs /opt/ml and /tmp only"


def inspect(experiments: Experiments) -> Iterator[Finding]:
    yield from find_events(experiments.observations(), "files", "uses files outside its folders", FIX)


RULE = Rule("RC802", "host-files", "The submission stays within the folders of its jobs", ("RC252", "RC804"), inspect)
