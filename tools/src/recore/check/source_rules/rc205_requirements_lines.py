"""Jobs install `requirements.txt` before they start. A line that pip cannot read, a package that is named twice, an
option, or a package given by an address ends them.

    numpy=1.26                           # pip compares with ==
    -r more.txt                          # the other file may not be uploaded
    git+https://github.com/ada/mdl       # jobs have no network to clone from

Fix: name each package once, with its version. Packages in the submission itself, such as `./mdl`, are accepted.
"""

from collections.abc import Iterator

from recore.check.rule import Finding, Place, rule
from recore.check.source import SubmissionSource
from recore.check.submission_tree import UnreadableFile

NAME = "requirements.txt"
FIX = "write the name of the package and its version, such as `cubist==1.2.2`"


@rule("Every line of requirements.txt can be installed")
def inspect(source: SubmissionSource) -> Iterator[Finding]:
    if not source.tree.exists(NAME):
        return
    try:
        source.tree.read(NAME)
    except UnreadableFile as error:
        yield Finding(f"{error}, so no job can install it", "write it as a regular file", Place(NAME))
        return
    first: dict[str, int] = {}
    for line in source.requirements:
        place = Place(NAME, line.line)
        if line.requirement is None:
            if not line.is_local:
                kind = "an option" if line.text.startswith("-") else "not a valid requirement"
                yield Finding(f"{line.text[:80]!r} is {kind}: jobs cannot install it", FIX, place)
        elif line.requirement.url and not line.requirement.url.startswith("file:"):
            yield Finding(f"{line.name} comes from an address that jobs cannot reach", FIX, place)
        elif line.applies and line.name in first:
            message = f"{line.name} is listed twice, here and on line {first[line.name]}, so pip refuses the file"
            yield Finding(message, "remove one of the two lines", place)
        elif line.applies:
            first[line.name] = line.line
