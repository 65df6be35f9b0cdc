"""Jobs have no network: a download fails, or hangs until it times out. A local run without a sandbox hides the problem.

    os.system("pip install lightgbm")

Fix: list packages in `requirements.txt`, which is installed before the job starts, and upload small files instead of
downloading them.
"""

import ast
import re
from collections.abc import Iterator

from recore.check.file_uses import find_file_uses
from recore.check.rule import Finding, Findings, Location, rule
from recore.check.script import Script, strings_of
from recore.check.source import SubmissionSource

FIX = "upload the files that the job needs, and list packages in requirements.txt"
CALLS = {"urllib.request.urlopen", "urllib.request.urlretrieve", "socket.create_connection"}
ADDRESS = re.compile(r"(?:https?|s3|ftp|gs|hdfs)://")
COMMANDS = re.compile(r"os\.(?:system|popen|exec\w+|spawn\w+)|subprocess\.\w+|pip\.main|pip\._internal\.main")
INSTALL_COMMAND = re.compile(r"\b(?:pip3?|conda|mamba|uv|apt-get|apt|yum|dnf)\b.*\binstall\b", re.DOTALL)


@rule("The scripts do not need the network")
def inspect(source: SubmissionSource) -> Findings:
    for script in source.scripts:
        for line, message in _find_uses(script):
            yield Finding(message, FIX, Location(script.file, line))


def _find_uses(script: Script) -> Iterator[tuple[int, str]]:
    for use in find_file_uses(script):
        if ADDRESS.match(use.path) and not use.context.handles("OSError", "URLError"):
            yield use.line, f"{use.path!r} cannot be opened: jobs have no network"
    for node, context in script.calls:
        if context.handles("OSError", "URLError"):
            continue
        name = script.name_of(node.func)
        if name in CALLS:
            yield node.lineno, f"{name}() fails: jobs have no network"
        elif COMMANDS.fullmatch(name) and INSTALL_COMMAND.search(" ".join(strings_of(ast.walk(node)))):
            yield node.lineno, "a package cannot be installed while the job runs: jobs have no network"
