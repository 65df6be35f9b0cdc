"""`requirements.txt` is installed over the container's packages before training and serving, but not for
`preprocess.py`. A different version of numpy or scikit-learn can break the container's own programs, and the steps of
one submission then run with different versions.

    scikit-learn==1.5.0                  # the container has 1.9.0

Fix: remove the line, or pin exactly the container's version. The challenge's first template listed the versions of the
former image: remove those lines.
"""

from recore.check.container import VERSIONS
from recore.check.rule import Finding, Findings, Location, rule
from recore.check.source import SubmissionSource
from recore.failures import FORMER_IMAGE, is_old_pin


@rule("requirements.txt does not request other versions of the container's packages", needs=("RC205",))
def inspect(source: SubmissionSource) -> Findings:
    for line in source.requirements:
        version, location = VERSIONS.get(line.name), Location("requirements.txt", line.number)
        if not line.requirement or not line.applies:
            continue
        if is_old_pin(line.requirement):
            message = (
                f"{line.requirement} belongs to {FORMER_IMAGE}; the container has {line.name} {version or ''}".strip()
            )
            yield Finding(message, "remove the line: the container has this package", location)
        elif version and not line.requirement.specifier.contains(version, True):
            message = f"the container has {line.name} {version}, which {str(line.requirement.specifier)!r} excludes"
            yield Finding(message, f"write {line.name}=={version}, or remove the line", location)
