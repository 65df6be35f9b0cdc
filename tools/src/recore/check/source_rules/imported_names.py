"""`from mdl import Ridge` fails with ImportError if `mdl.py` of the submission has no `Ridge`: the training job ends at
its first line, or a hook fails at the first request. This happens when a function has been renamed in one file only.

Fix: correct the name, or define it in the module.
"""

import ast
import difflib
from collections.abc import Iterator

from recore.check.rule import Finding, Place, rule
from recore.check.script import Script
from recore.check.source import SubmissionSource


@rule("RC107", "What the scripts import from each other is there", needs=("RC101", "RC102"))
def inspect(source: SubmissionSource) -> Iterator[Finding]:
    for script in source.scripts:
        for statement in script.imports:
            if not statement.optional:
                for name in statement.names:
                    yield from _look_up(source, script, statement.module, name, statement.line)
        for node, context in script.nodes:
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and not context.typing:
                module = script.aliases.get(node.value.id, "")
                if script.bindings.get(node.value.id) == 1 and not context.handles("AttributeError"):
                    yield from _look_up(source, script, module, node.attr, node.lineno)


def _look_up(source: SubmissionSource, script: Script, module: str, name: str, line: int) -> Iterator[Finding]:
    """A finding if a module of the submission does not have a name."""
    file = source.find_module(module) if module else None
    other = source.script(file) if file and file.endswith(".py") else None
    names = source.names_of(other) if other and not other.problem else None
    if names is None or name in names or name == "*" or source.find_module(f"{module}.{name}"):
        return
    if name.startswith("__") and name.endswith("__"):
        return
    close = difflib.get_close_matches(name, names, n=1)
    yield Finding(
        f"{file} has no {name!r}: this line raises ImportError or AttributeError",
        f"write {close[0]}, or define {name} in {file}" if close else f"define {name} in {file}, or correct the name",
        Place(script.file, line),
    )
