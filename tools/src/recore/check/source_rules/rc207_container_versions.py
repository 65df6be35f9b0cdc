"""`requirements.txt` is installed over the container's packages before training and serving, but not for
`preprocess.py`. Another version of numpy or scikit-learn can break the container's own programs, and the steps of one
submission run with different versions.

    scikit-learn==1.5.0                  # the container has 1.9.0

Fix: remove the line, or pin exactly the container's version.
"""

from collections.abc import Iterator

from recore.check.container import VERSIONS
from recore.check.rule import Finding, Place, rule
from recore.check.source import SubmissionSource


@rule("requirements.txt does not ask for other versions of the container's packages", needs=("RC205",))
def inspect(source: SubmissionSource) -> Iterator[Finding]:
    for line in source.requirements:
        held = VERSIONS.get(line.name)
        if held and line.requirement and line.applies and not line.requirement.specifier.contains(held, True):
            yield Finding(
                f"the container has {line.name} {held}, which {str(line.requirement.specifier)!r} excludes",
                f"write {line.name}=={held}, or remove the line",
                Place("requirements.txt", line.line),
            )
