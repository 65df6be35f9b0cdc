"""The platform runs `preprocess.py` without arguments, so the defaults of `--input` and `--output` count. Where jobs
have no /opt/ml, `run` and `check` pass both paths, and only this rule notices a wrong default.

    parser.add_argument("--input", default="/opt/ml/processing/input/public.csv.gz")

Fix: use /opt/ml/processing/input/public/public.csv.gz, for private data too, and
/opt/ml/processing/output/preprocess/public.csv. A script that may choose among several paths is not checked.
"""

import ast
import posixpath
from collections.abc import Iterator

from recore.check.file_uses import REST, is_on_one_machine, path_of
from recore.check.rule import Finding, Findings, Place, rule
from recore.check.script import DEEPEST, PROBES, Script, keywords_of, last_name, method_of, texts_of
from recore.check.source import SubmissionSource

PATHS = {
    "--input": "/opt/ml/processing/input/public/public.csv.gz",
    "--output": "/opt/ml/processing/output/preprocess/public.csv",
}
DECLARING = {"add_argument", "option"}  # of argparse and of click
Declared = tuple[str, ast.Call, ast.expr]


@rule("preprocess.py reads and writes the platform's paths by default")
def inspect(source: SubmissionSource) -> Findings:
    script = source.script("preprocess.py")
    if script is None:
        return
    declared = list(_declared(script))
    if _chooses(script, declared):
        return
    for name, call, default in declared:
        path = path_of(default, script)
        if path is None or REST in path or _leads_to(path, PATHS[name]):
            continue
        if is_on_one_machine(path) and not path.startswith(".."):
            continue  # RC114 reports it
        message = f"the default of {name} is {path!r}, but the platform passes no arguments and uses {PATHS[name]}"
        yield Finding(message, f"make {PATHS[name]} the default", Place(script.file, call.lineno))


def _leads_to(path: str, needed: str) -> bool:
    """Whether a path is the needed one or a folder above it, to which the script may add the rest."""
    path = posixpath.normpath(path)
    return path == needed or needed.startswith(f"{path.rstrip('/')}/")


def _declared(script: Script) -> Iterator[Declared]:
    """The options --input and --output, each with the call that declares it and its default."""
    for node, context in script.calls:
        if context.conditional or context.typing or context.handled or method_of(node) not in DECLARING:
            continue
        default = keywords_of(node).get("default")
        for name in texts_of(node.args):
            if name in PATHS and default:
                yield name, node, default


def _chooses(script: Script, declared: list[Declared]) -> bool:
    """Whether the script may use another path than its defaults: it mentions one, or sets or tests the argument."""
    known = {id(node) for _, _, default in declared for node in _behind(default, script)}
    for node, _ in script.nodes:
        match node:
            case ast.Constant(value=str(text)) if id(node) not in known and "processing" in text.split("/"):
                return True
            case ast.Attribute(attr="input" | "output", ctx=ast.Store()):
                return True
            case ast.Call(func=function) if last_name(function) in PROBES:
                if any(isinstance(each, ast.Attribute) and each.attr == "input" for each in ast.walk(node)):
                    return True
    return False


def _behind(node: ast.expr, script: Script, depth: int = 0) -> Iterator[ast.AST]:
    """The nodes of an expression and of the constants that it names."""
    for each in ast.walk(node):
        yield each
        if isinstance(each, ast.Name) and each.id in script.constants and depth < DEEPEST:
            yield from _behind(script.constants[each.id], script, depth + 1)
