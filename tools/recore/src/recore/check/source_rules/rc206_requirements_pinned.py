"""For a requirement without a version, pip installs the newest version at that time. Training and serving may then have
different versions, and the server may fail to load the model's pickle.

    cubist>=1.0

Fix: pin the version that you tested, such as `cubist==1.2.2`. Packages that the container already has are accepted.
"""

from recore.check.container import VERSIONS
from recore.check.rule import Finding, Findings, Level, Location, rule
from recore.check.source import SubmissionSource
from stagemaker import RequirementLine


@rule("requirements.txt pins the version of every package that it adds", needs=("RC205",))
def inspect(source: SubmissionSource) -> Findings:
    for line in source.requirements:
        if line.kind == "package" and line.applies and line.name not in VERSIONS and not _is_pinned(line):
            message = f"{line.name} has no exact version: jobs on different days may install different ones"
            location = Location("requirements.txt", line.number)
            yield Finding(message, f"pin it, as in {line.name}==VERSION", location, Level.WARNING)


def _is_pinned(line: RequirementLine) -> bool:
    specifiers = line.requirement.specifier if line.requirement else ()
    return any(each.operator in ("==", "===") and not each.version.endswith(".*") for each in specifiers)
