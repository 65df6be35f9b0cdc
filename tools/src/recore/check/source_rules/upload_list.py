"""Which files are uploaded follows from `setup.py` and `MANIFEST.in`. If they name a link that leads out of the folder,
or a pattern that setuptools does not accept, no archive can be made, neither by the Unearthed CLI nor by `recore run`.

Fix: follow the message; replace a link by a copy of the file.
"""

from collections.abc import Iterator

from recore.check.rule import Finding, Place, rule
from recore.check.source import SubmissionSource


@rule("RC210", "The files to upload can be determined", needs=("RC101", "RC201", "RC203"))
def inspect(source: SubmissionSource) -> Iterator[Finding]:
    try:
        source.uploads  # noqa: B018 - it is determined once, for all rules
    except (ValueError, OSError, RuntimeError) as error:
        reason = str(error).removeprefix(f"{source.tree.path}/")
        file = reason.partition(":")[0]
        place = Place(file) if source.tree.exists(file) else Place("setup.py")
        yield Finding(f"the files to upload cannot be determined: {reason}", "correct what the message names", place)
