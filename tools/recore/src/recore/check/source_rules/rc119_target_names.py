"""Predictions are compared with the assays by position. If a name in a list of targets is misspelt, missing or in the
wrong position, columns are shifted or empty, and the score drops without any error.

    TARGETS = ["AsPPM", "AgPPM", "AuPPM", ...]       # the first two are swapped

Fix: copy the list from the template's `preprocess.py`. The rule checks lists called TARGETS, and collections that
contain at least 60% and at least eight of the targets (all, if these are fewer). Dicts and sets may have any order.
"""

import ast
import difflib
import math

from recore.check.rule import Finding, Findings, Location, rule
from recore.check.script import line_of, strings_of
from recore.check.source import SubmissionSource
from recore.listing import list_names

MIN_TARGETS, MIN_SHARE = 8, 0.6  # minimum in a collection that is meant to contain all targets


@rule("Lists of the targets have the host's names in the host's order")
def inspect(source: SubmissionSource) -> Findings:
    files = [script.file for script in source.scripts]
    for file in [*files, *(name for name in ("predict.py", "score.py") if name not in files)]:
        script = source.script(file) if source.tree.is_file(file) else None
        nodes = [node for node, _ in script.nodes] if script else []
        lists = {id(value) for node in nodes for value in _assigned_values(node, "TARGETS")}
        units = {id(value) for node in nodes for value in _assigned_values(node, "UNITS")}  # some targets
        min_names = math.ceil(MIN_SHARE * len(source.targets))
        for node in nodes:
            names = _names(node)
            n_required = 1 if id(node) in lists else max(min_names, min(len(source.targets), MIN_TARGETS))
            if id(node) in units or len(set(source.targets) & set(names)) < n_required:
                continue
            ordered = not isinstance(node, ast.Dict | ast.Set)
            if problem := _difference(names, source.targets, ordered):
                fix = "copy the list from the template's preprocess.py"
                message = f"the list of targets differs from the host's: {problem}"
                yield Finding(message, fix, Location(file, line_of(node)))


def _assigned_values(node: ast.AST, name: str) -> list[ast.expr]:
    """Return the value that a statement assigns to a name, as a list with at most one item."""
    match node:
        case ast.Assign(targets=[ast.Name(id=target)], value=value) if target == name:
            return [value]
        case ast.AnnAssign(target=ast.Name(id=target), value=ast.expr() as value) if target == name:
            return [value]
    return []


def _names(node: ast.AST) -> list[str]:
    """Return the strings in a collection: the items of a list, the keys of a dict, or the parts of a split string."""
    match node:
        case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
            return strings_of(items)
        case ast.Dict(keys=keys):
            return strings_of(keys)
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(string)), attr="split"), args=arguments):
            separators = strings_of(arguments)
            if len(arguments) == len(separators) <= 1 and "" not in separators:
                return [word.strip() for word in string.split(separators[0] if separators else None)]
    return []


def _difference(names: list[str], targets: tuple[str, ...], ordered: bool) -> str:
    """Describe how a list of target names differs from the targets, or return "" if it does not."""
    if repeated := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        return f"it contains {list_names(repeated, 3)} more than once"
    missing = [name for name in targets if name not in names]
    misspelt = [name for name in names if name not in targets and difflib.get_close_matches(name, targets, 1)]
    if missing or misspelt:
        parts = [f"it lacks {list_names(missing, 3)}"] if missing else []
        parts += [f"it contains the unknown names {list_names(misspelt, 3)}"] if misspelt else []
        return ", ".join(parts)
    if not ordered:
        return ""
    order = [name for name in names if name in targets]
    wrong = next((index for index, pair in enumerate(zip(order, targets, strict=True)) if pair[0] != pair[1]), None)
    return "" if wrong is None else f"{order[wrong]} is in position {wrong + 1}, where {targets[wrong]} belongs"
