"""Predictions are compared with the assays by position. A list of targets in which a name is misspelt, missing or in
another place shifts or empties columns, and the score falls without any error.

    TARGETS = ["AsPPM", "AgPPM", "AuPPM", ...]       # the first two are swapped

Fix: copy the list from the template's `preprocess.py`. A list called TARGETS is checked, and every collection with at
least three fifths of the targets and eight, or all of fewer, of which a dict or a set has no order.
"""

import ast
import difflib
import math

from recore.check.rule import Finding, Findings, Place, rule
from recore.check.script import line_of, texts_of
from recore.check.source import SubmissionSource
from recore.listing import list_names

FEWEST = 8  # targets, or all of fewer, are in a collection that is meant to hold them all
LEAST = 0.6  # of the targets are in it, too


@rule("Lists of the targets have the host's names in the host's order")
def inspect(source: SubmissionSource) -> Findings:
    files = [script.file for script in source.scripts]
    for file in [*files, *(name for name in ("predict.py", "score.py") if name not in files)]:
        script = source.script(file) if source.tree.is_file(file) else None
        nodes = [node for node, _ in script.nodes] if script else []
        called_so = {id(value) for node in nodes for value in _assigned(node, "TARGETS")}
        units = {id(value) for node in nodes for value in _assigned(node, "UNITS")}  # of some targets
        least = math.ceil(LEAST * len(source.targets))
        for node in nodes:
            names = _names(node)
            fewest = 1 if id(node) in called_so else max(least, min(len(source.targets), FEWEST))
            if id(node) in units or len(set(source.targets) & set(names)) < fewest:
                continue
            ordered = not isinstance(node, ast.Dict | ast.Set)
            if problem := _difference(names, source.targets, ordered):
                fix = "copy the list from the template's preprocess.py"
                yield Finding(f"the list of targets is not the host's: {problem}", fix, Place(file, line_of(node)))


def _assigned(node: ast.AST, name: str) -> list[ast.expr]:
    """What a statement assigns to a name."""
    match node:
        case ast.Assign(targets=[ast.Name(id=target)], value=value) if target == name:
            return [value]
        case ast.AnnAssign(target=ast.Name(id=target), value=ast.expr() as value) if target == name:
            return [value]
    return []


def _names(node: ast.AST) -> list[str]:
    """The texts that a collection holds: the items of a list, the keys of a dict, the words of a text."""
    match node:
        case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
            return texts_of(items)
        case ast.Dict(keys=keys):
            return texts_of(keys)
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(text)), attr="split"), args=arguments):
            separators = texts_of(arguments)
            if len(arguments) == len(separators) <= 1 and "" not in separators:
                return [word.strip() for word in text.split(separators[0] if separators else None)]
    return []


def _difference(names: list[str], targets: tuple[str, ...], ordered: bool) -> str:
    """How names that are meant to be the targets differ from them; empty if they do not."""
    if repeated := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        return f"it has {list_names(repeated, 3)} more than once"
    missing = [name for name in targets if name not in names]
    misspelt = [name for name in names if name not in targets and difflib.get_close_matches(name, targets, 1)]
    if missing or misspelt:
        parts = [f"it has no {list_names(missing, 3)}"] if missing else []
        parts += [f"it has the unknown names {list_names(misspelt, 3)}"] if misspelt else []
        return ", ".join(parts)
    if not ordered:
        return ""
    order = [name for name in names if name in targets]
    wrong = next((place for place, pair in enumerate(zip(order, targets, strict=True)) if pair[0] != pair[1]), None)
    return "" if wrong is None else f"{order[wrong]} is in position {wrong + 1}, where {targets[wrong]} belongs"
