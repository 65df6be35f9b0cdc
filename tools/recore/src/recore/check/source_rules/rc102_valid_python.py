"""If Python 3.12 cannot compile a script, the job fails before the first line. An undefined name raises NameError when
its line runs: in a hook, this happens at the first request, after training.

    def fit(inputs, targets, holes)      # no colon
        return np.mean(targets)          # and `import numpy as np` is missing
    %matplotlib inline                   # only a notebook understands this

Fix: correct the line, define or import the name, or delete leftover notebook commands. Undefined names are found by
pyflakes; annotations are ignored.
"""

import ast
import re
import shlex
import sys

from pyflakes.checker import Checker  # type: ignore[import-untyped]
from pyflakes.messages import UndefinedName  # type: ignore[import-untyped]

from recore.check.rule import Finding, Findings, Location, rule
from recore.check.script import ENTRY_POINTS, Script
from recore.check.source import SubmissionSource
from recore.check.submission_tree import UnreadableFile

NOTEBOOK_LINE = re.compile(r"!|%%?[A-Za-z]|[\w.]+\?")  # `!pip install x`, `%matplotlib inline`, `model?`
NOTEBOOK = "get_ipython"  # a function that converted notebooks call


class NameChecker(Checker):  # type: ignore[misc]
    """A checker that ignores annotations, because they may never be evaluated."""

    def handleAnnotation(self, *_: object) -> None:
        """Do nothing."""

    handleStringAnnotation = handleAnnotation


@rule("The scripts are valid Python 3.12 and define the names that they use")
def inspect(source: SubmissionSource) -> Findings:
    for name in ENTRY_POINTS:
        if source.tree.exists(name):
            try:
                source.tree.read(name)
            except UnreadableFile as error:
                yield Finding(f"{error}, so no job can start it", "replace it with a regular file", Location(name))
    for script in source.scripts:
        if script.problem and (command := _notebook_command(script)):
            message = f"{command!r} is notebook syntax, not Python"
            fix = "delete it; list packages that `!pip` installed in requirements.txt"
            yield Finding(message, fix, Location(script.file, script.problem_line))
        elif script.problem:
            message = f"Python 3.12 cannot compile it: {script.problem}"
            yield Finding(message, _fix_syntax(source, script), Location(script.file, script.problem_line))
        elif not script.has_dynamic_names:
            for name, line in find_undefined(script).items():
                fix = f"import or define {name}, or correct the spelling"
                if name == NOTEBOOK:
                    fix = "delete this line: only notebooks have this function"
                message = f"the name {name!r} is not defined: this line raises NameError"
                yield Finding(message, fix, Location(script.file, line))


def _fix_syntax(source: SubmissionSource, script: Script) -> str:
    path = source.tree.path / script.file
    command = f"; `{shlex.quote(sys.executable)} -m py_compile {shlex.quote(str(path))}` also shows the error"
    return "correct this line" + (command if source.tree.is_folder else "")


def _notebook_command(script: Script) -> str:
    lines = script.content.decode("utf-8", "replace").splitlines()[: script.problem_line]
    line = lines[-1].strip() if lines and script.problem_line else ""
    return line[:80] if NOTEBOOK_LINE.match(line) else ""


def find_undefined(script: Script) -> dict[str, int]:
    """Map each undefined name of a script to the first line that reads it."""
    try:
        messages = NameChecker(script.tree, script.file).messages
    except RecursionError:
        return {}
    ignored_lines = {
        (node.id, node.lineno)
        for node, context in script.nodes
        if isinstance(node, ast.Name) and (context.typing or context.conditional or context.handles("NameError"))
    }
    lines_by_name: dict[str, int] = {}
    for message in sorted(messages, key=lambda message: message.lineno):
        if isinstance(message, UndefinedName) and (message.message_args[0], message.lineno) not in ignored_lines:
            lines_by_name.setdefault(message.message_args[0], message.lineno)
    return lines_by_name
