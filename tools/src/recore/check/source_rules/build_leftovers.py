"""`unearthed build` unpacks `dist/*.tar.gz` after it has made its own archive there. An older archive makes that fail,
and every later build as well, while the client reports success and uploads the previous `src.tar.gz`. Anything else in
`dist/`, such as a wheel, is packed into the upload; a `*.egg-info` of an editable install adds the files that it lists.

Fix: delete `dist/` and `*.egg-info` before the build.
"""

from collections.abc import Iterator

from recore.check.rule import Finding, Level, Place, rule
from recore.check.source import SubmissionSource


@rule("RC208", "Nothing is left over that breaks the next build")
def inspect(source: SubmissionSource) -> Iterator[Finding]:
    if not source.tree.is_folder:
        return
    for name in source.tree.list_folder("dist"):
        place = Place(f"dist/{name}")
        if name.endswith(".tar.gz"):
            message = "an archive left in dist/ makes this and every later build fail without a message"
            yield Finding(message, "delete the folder dist", place)
        else:
            yield Finding("files left in dist/ are packed into the upload", "delete it", place, Level.WARNING)
    for name in source.tree.list_folder(""):
        if name.endswith(".egg-info"):
            message = "the build adds the files that it lists to the upload, and then deletes the folder"
            yield Finding(message, "delete it", Place(name), Level.WARNING)
