"""`unearthed build` unpacks `dist/*.tar.gz`. An older archive there makes this and every later build fail, while the
client reports success and uploads the previous archive. Anything else in `dist/` is packed into the upload, and so are
the files that a `*.egg-info` lists.

Fix: delete `dist/` and `*.egg-info` before the build.
"""

from recore.check.rule import Finding, Findings, Level, Location, rule
from recore.check.source import SubmissionSource


@rule("No files of an earlier build break the next one")
def inspect(source: SubmissionSource) -> Findings:
    if not source.tree.is_folder:
        return
    for name in source.tree.list_folder("dist"):
        location = Location(f"dist/{name}")
        if name.endswith(".tar.gz"):
            message = "an archive left in dist/ makes this and every later build fail without a message"
            yield Finding(message, "delete the folder dist", location)
        else:
            yield Finding("files left in dist/ are packed into the upload", "delete it", location, Level.WARNING)
    for name in source.tree.list_folder(""):
        if name.endswith(".egg-info"):
            message = "the build uploads the files that this folder lists, and then deletes the folder"
            yield Finding(message, "delete it", Location(name), Level.WARNING)
