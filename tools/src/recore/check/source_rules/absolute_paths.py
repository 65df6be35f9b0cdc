"""A path of your own machine does not exist in a job, which has `/opt/ml` and `/tmp`. It is an error where the script
opens such a path, and a warning elsewhere in the source, because the path may not be used.

    data = pd.read_csv("/home/ada/recore/public.csv.gz")

Fix: take the path from the platform's variable or argument, such as `SM_CHANNEL_TRAINING`, `SM_MODEL_DIR` or `--input`.
"""

import ast
import re
from collections.abc import Iterator

from recore.check.file_uses import find_file_uses
from recore.check.rule import Finding, Level, Place, rule
from recore.check.script import PROBES, Script, method_of
from recore.check.source import SubmissionSource

FOLDERS = "home Users root mnt media content kaggle Volumes data workspace workspaces srv scratch".split()
ABSOLUTE = re.compile(rf"/(?:{'|'.join(FOLDERS)})/[^\s*]\S*|~/\S+|[A-Za-z]:[\\/][^\\/\n].*")
SPOKEN = {"print", "warnings.warn"}  # what they are passed is text for people
SPOKEN_METHODS = {"debug", "info", "warning", "error", "exception", "critical"}
SPOKEN_KEYWORDS = {"help", "description", "epilog", "usage", "metavar"}


@rule("RC113", "No paths of one particular machine", needs=("RC101", "RC102"))
def inspect(source: SubmissionSource) -> Iterator[Finding]:
    for script in source.scripts:
        opened = {
            use.path: use.line
            for use in find_file_uses(script)
            if not (use.context.conditional or use.context.handles("OSError", "FileNotFoundError", "IOError"))
        }
        reported = set()
        for path, line in opened.items():
            if ABSOLUTE.fullmatch(path):
                reported.add(path.rstrip("*"))
                yield _finding(script, path, line, Level.ERROR)
        spoken = set(_spoken(script))
        for node, context in script.nodes:
            match node:
                case ast.Constant(value=str(text)) if ABSOLUTE.fullmatch(text) and id(node) not in spoken:
                    known = any(path.startswith(text) for path in reported)
                    if not (known or context.typing or context.conditional):
                        yield _finding(script, text, node.lineno, Level.WARNING)


def _finding(script: Script, path: str, line: int, level: Level) -> Finding:
    return Finding(
        f"{path!r} does not exist in a job, which has /opt/ml and /tmp",
        "take the path from an environment variable or argument, such as SM_CHANNEL_TRAINING, SM_MODEL_DIR or --input",
        Place(script.file, line),
        level,
    )


def _spoken(script: Script) -> Iterator[int]:
    """The ids of the nodes that are text for people, or only ask whether something is there."""
    for node, _ in script.nodes:
        if isinstance(node, ast.Call):
            name = script.name_of(node.func)
            if name in SPOKEN or method_of(node) in SPOKEN_METHODS | PROBES:
                yield from (id(each) for argument in node.args for each in ast.walk(argument))
            for keyword in node.keywords:
                if keyword.arg in SPOKEN_KEYWORDS:
                    yield from (id(each) for each in ast.walk(keyword.value))
        elif isinstance(node, ast.Raise) and node.exc:
            yield from (id(each) for each in ast.walk(node.exc))
