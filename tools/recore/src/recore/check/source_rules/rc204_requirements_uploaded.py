"""`unearthed build` packs `requirements.txt` only if `MANIFEST.in` includes it. Otherwise the packages that it adds are
missing in all jobs, although they are installed locally.

Fix: add the line `include requirements.txt` to `MANIFEST.in`. A file that lists only the container's packages need not
be uploaded.
"""

from recore.check.container import VERSIONS
from recore.check.rule import Finding, Findings, Location, rule
from recore.check.source import SubmissionSource

NAME = "requirements.txt"


@rule("MANIFEST.in includes requirements.txt", needs=("RC201",))
def inspect(source: SubmissionSource) -> Findings:
    extra_lines = [line for line in source.requirements if line.spec and line.name not in VERSIONS and line.applies]
    if extra_lines and NAME not in source.uploads:
        message = f"{NAME} is not uploaded, so {extra_lines[0].name or extra_lines[0]} is not installed in any job"
        yield Finding(message, f"add the line `include {NAME}` to MANIFEST.in", Location(NAME, extra_lines[0].number))
