"""setuptools ignores a line of `MANIFEST.in` that is invalid or lists a file that does not exist. The file is then
missing in the jobs.

    include requirement.txt              # the file is requirements.txt
    add weights.npy                      # there is no such command

Fix: use `include`, `recursive-include`, `global-include`, `graft`, or the commands that exclude files, with paths
within the folder.
"""

from collections.abc import Iterator

from recore.check.rule import Finding, Findings, Level, Location, rule
from recore.check.source import SubmissionSource
from recore.check.submission_tree import UnreadableFile
from recore.evaluation import BYTE_ORDER_MARK, MANIFEST, loses_first_line

NAME = "MANIFEST.in"
COMMANDS = {*MANIFEST, *(name.replace("include", "exclude").replace("graft", "prune") for name in MANIFEST)}


@rule("Every line of MANIFEST.in is valid")
def inspect(source: SubmissionSource) -> Findings:
    if not source.tree.is_folder or not source.tree.exists(NAME):
        return
    try:
        manifest = source.tree.read(NAME).decode("utf-8", "replace")
    except UnreadableFile as error:
        yield Finding(f"{error}, so the build cannot use it", "replace it with a regular file", Location(NAME))
        return
    if loses_first_line(manifest):
        message = "the build ignores this line, because it begins with a byte-order mark"
        yield Finding(message, "save the file as UTF-8 without a byte-order mark", Location(NAME, 1))
    for number, line in _join_lines(manifest.removeprefix(BYTE_ORDER_MARK)):
        if content := line.partition("#")[0].strip():
            yield from _check_line(content, Location(NAME, number), source)


def _join_lines(manifest: str) -> Iterator[tuple[int, str]]:
    """Yield logical lines, each with the number of its first line. A final backslash joins a line with the next one."""
    joined, start = "", 0
    for number, line in enumerate([*manifest.splitlines(), ""], 1):
        joined, start = joined + line, start or number
        if joined.endswith("\\"):
            joined = joined[:-1] + " "
            continue
        yield start, joined
        joined, start = "", 0


def _check_line(line: str, location: Location, source: SubmissionSource) -> Findings:
    command, *words = line.split()
    patterns = words[1:] if command.startswith("recursive-") else words
    if command not in COMMANDS or not patterns:
        commands = ", ".join(sorted(COMMANDS))
        yield Finding(f"{line[:80]!r} is invalid: the build ignores it", f"use one of {commands}", location)
        return
    for word in words:
        if word.startswith(("/", "~")) or ".." in word.split("/"):
            yield Finding(f"{word[:80]!r} is outside the submission", "use paths within the folder", location)
        elif command == "include" and not set(word) & set("*?[") and not source.tree.is_file(word):
            message = f"the file {word[:80]!r} does not exist, so nothing is included"
            yield Finding(message, "correct the name, or remove it", location, Level.WARNING)
