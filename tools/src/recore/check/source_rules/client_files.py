"""The Unearthed CLI stops with a TypeError if `.unearthed_challenge.json` lacks one of its 14 keys. `unearthed submit`
opens `submission.yml` only after it has created the submission, so a missing file costs you one. The addresses that
`unearthed new` writes to the file are signed with temporary credentials and should not be published.

Fix: copy both files from a folder that `unearthed new` made, and empty `templateUrl`, `scoringFunctionUrl` and
`publicDataUrl`. A folder without these files, which the client cannot submit, is not checked.
"""

import json
from collections.abc import Iterator

from recore.check.rule import Finding, Level, Place, rule
from recore.check.source import SubmissionSource
from recore.check.submission_tree import UnreadableFile
from recore.listing import list_names

NAME, INSTANCES = ".unearthed_challenge.json", "submission.yml"
ADDRESSES = ("templateUrl", "scoringFunctionUrl", "publicDataUrl")
KEYS = (
    *("challengeId", "createdAt", "dataVersion", "dockerImage", "end", "innovatorPlatformRef", "link", "name"),
    *("slug", "start", "updatedAt", *ADDRESSES),
)


@rule("RC211", "The files that the Unearthed CLI reads are complete")
def inspect(source: SubmissionSource) -> Iterator[Finding]:
    if not source.tree.is_folder or not source.tree.exists(NAME):
        return
    place = Place(NAME)
    try:
        challenge = json.loads(source.tree.read(NAME))
    except (UnreadableFile, ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, UnreadableFile) else "it is not valid JSON"
        yield Finding(f"{reason}, so the Unearthed CLI fails", f"copy the template's {NAME}", place)
        return
    missing = [key for key in KEYS if not isinstance(challenge, dict) or key not in challenge]
    if missing:
        message = f"the Unearthed CLI ends with a TypeError: there is no {list_names(missing, 4)}"
        yield Finding(message, f"copy the template's {NAME}", place)
    elif signed := [key for key in ADDRESSES if "Signature=" in str(challenge[key])]:
        message = f"{list_names(signed, 3)} is signed with credentials: anyone who reads it can use it for a while"
        yield Finding(message, "replace the address with an empty string", place, Level.WARNING)
    if not source.tree.is_file(INSTANCES):
        message = f"there is no {INSTANCES}: `unearthed submit` creates a submission before it notices"
        yield Finding(message, f"copy the template's {INSTANCES}", place)
