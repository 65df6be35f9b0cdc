"""The platform runs `preprocess.py` without arguments, so it uses the defaults of `--input` and `--output`. If local
jobs have no /opt/ml, `run` and `check` pass both paths, and only this rule detects a wrong default.

    parser.add_argument("--input", default="/opt/ml/processing/input/public.csv.gz")

Fix: use /opt/ml/processing/input/public/public.csv.gz (also for private data) and
/opt/ml/processing/output/preprocess/public.csv. Scripts that may choose among several paths are not checked.
"""

import ast
import posixpath
from collections.abc import Iterator

from recore.check.file_uses import WILDCARD, is_local_path, path_of
from recore.check.rule import Finding, Findings, Location, rule
from recore.check.script import MAX_DEPTH, PROBES, Script, keywords_of, last_name, method_of, strings_of
from recore.check.source import SubmissionSource

PATHS = {
    "--input": "/opt/ml/processing/input/public/public.csv.gz",
    "--output": "/opt/ml/processing/output/preprocess/public.csv",
}
DECLARING_CALLS = {"add_argument", "option"}  # methods and functions of argparse and click
Declared = tuple[str, ast.Call, ast.expr]


@rule("preprocess.py reads and writes the platform's paths by default")
def inspect(source: SubmissionSource) -> Findings:
    script = source.script("preprocess.py")
    if script is None:
        return
    declared = list(_declared_options(script))
    if _may_use_other_paths(script, declared):
        return
    for name, call, default in declared:
        path = path_of(default, script)
        if path is None or WILDCARD in path or _leads_to(path, PATHS[name]):
            continue
        if is_local_path(path) and not path.startswith(".."):
            continue  # RC114 reports it
        message = f"the default of {name} is {path!r}, but the platform passes no arguments and uses {PATHS[name]}"
        yield Finding(message, f"make {PATHS[name]} the default", Location(script.file, call.lineno))


def _leads_to(path: str, needed: str) -> bool:
    """Return whether a path is the required one, or a parent folder to which the script may append the rest."""
    path = posixpath.normpath(path)
    return path == needed or needed.startswith(f"{path.rstrip('/')}/")


def _declared_options(script: Script) -> Iterator[Declared]:
    """Yield the options --input and --output, each with the call that declares it and its default."""
    for node, context in script.calls:
        if context.conditional or context.typing or context.handled or method_of(node) not in DECLARING_CALLS:
            continue
        default = keywords_of(node).get("default")
        for name in strings_of(node.args):
            if name in PATHS and default:
                yield name, node, default


def _may_use_other_paths(script: Script, declared: list[Declared]) -> bool:
    """Return whether the script mentions other processing paths, or assigns or tests the parsed arguments."""
    known = {id(node) for _, _, default in declared for node in _resolved_nodes(default, script)}
    for node, _ in script.nodes:
        match node:
            case ast.Constant(value=str(path)) if id(node) not in known and "processing" in path.split("/"):
                return True
            case ast.Attribute(attr="input" | "output", ctx=ast.Store()):
                return True
            case ast.Call(func=function) if last_name(function) in PROBES:
                if any(isinstance(each, ast.Attribute) and each.attr == "input" for each in ast.walk(node)):
                    return True
    return False


def _resolved_nodes(node: ast.expr, script: Script, depth: int = 0) -> Iterator[ast.AST]:
    for each in ast.walk(node):
        yield each
        if isinstance(each, ast.Name) and each.id in script.constants and depth < MAX_DEPTH:
            yield from _resolved_nodes(script.constants[each.id], script, depth + 1)
