"""A name that is not defined in the file, imported or built in raises NameError as soon as the line runs. In a hook,
that happens only on the platform, at the first request, after an hour of training.

    def input_fn(input_data, content_type):
        return pd.read_csv(io.StringIO(input_data))  # `import io` is missing

Fix: import or define the name, or correct its spelling.
"""

import ast
import builtins
import symtable
import warnings
from collections.abc import Iterator

from recore.check.rule import Finding, Place, rule
from recore.check.script import Script
from recore.check.source import SubmissionSource

KNOWN = {*dir(builtins), "__file__", "__path__", "__annotations__", "__builtins__"}


@rule("RC106", "Every name that the scripts use is defined", needs=("RC101", "RC102"))
def inspect(source: SubmissionSource) -> Iterator[Finding]:
    for script in source.scripts:
        for name, line in undefined(script, source.names_of(script)):
            yield Finding(
                f"the name {name!r} is not defined: this line raises NameError",
                f"import or define {name}, or correct the spelling",
                Place(script.file, line),
            )


def undefined(script: Script, known: set[str] | None) -> Iterator[tuple[str, int]]:
    """The undefined names of a script, each with the first line that reads it.

    known: names that it has at the top level; None if only running it would tell.
    """
    if known is None or script.problem:
        return
    with warnings.catch_warnings(action="ignore"):
        table = symtable.symtable(script.content, script.file, "exec")  # type: ignore[arg-type]  # it accepts bytes
        read, bound = _names(table)
    missing = {name: line for name, line in read.items() if name not in bound | known | KNOWN}
    annotations = {id(node) for node in _annotations(script)} if _postponed(script) else set()
    for node, context in script.nodes:
        if not isinstance(node, ast.Name) or not isinstance(node.ctx, ast.Load) or id(node) in annotations:
            continue
        excused = context.typing or context.conditional or context.handles("NameError")
        if node.lineno >= missing.get(node.id, node.lineno + 1) and not excused:
            del missing[node.id]
            yield node.id, node.lineno


def _names(table: symtable.SymbolTable) -> tuple[dict[str, int], set[str]]:
    """The names that are read as globals, each with the line where the first scope that does so begins, and those that
    are bound as globals, in a table and all below it.
    """
    read: dict[str, int] = {}
    bound = set()
    tables = [table]
    for each in tables:  # which grows in the loop
        tables += each.get_children()
        for symbol in each.get_symbols():
            name, top = symbol.get_name(), each is table
            binds = symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace() or symbol.is_annotated()
            if binds and (top or symbol.is_declared_global()):
                bound.add(name)
            # Python takes a function with the name `top` for the module, and its own variables for globals
            local = (binds or symbol.is_parameter()) and not symbol.is_declared_global()
            if symbol.is_referenced() and (top or (symbol.is_global() and not local)):
                read[name] = min(read.get(name, each.get_lineno()), each.get_lineno())
    return read, bound


def _postponed(script: Script) -> bool:
    """Whether annotations are not evaluated."""
    return any(each.module == "__future__" and "annotations" in each.names for each in script.imports)


def _annotations(script: Script) -> Iterator[ast.AST]:
    for node, _ in script.nodes:
        for name in ("annotation", "returns"):
            annotation = getattr(node, name, None)
            if isinstance(annotation, ast.AST):
                yield from ast.walk(annotation)
