"""Find the files that a script reads and writes, as far as their paths can be determined from the source."""

import ast
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass

from recore.check.script import MAX_DEPTH, Context, Script, keywords_of, method_of, strings_of

CODE = "/opt/ml/code"  # the folder of the submission's scripts in a job
WILDCARD = "*"  # stands for an unknown part of a path
LOCAL_ONLY = ("data", "model", "runs", "score.py")  # folders and files that are never uploaded
FOLDERS = "home Users root mnt media content kaggle Volumes data workspace workspaces srv scratch".split()
ABSOLUTE = re.compile(rf"/(?:{'|'.join(FOLDERS)})/[^\s*]\S*|~/\S+|[A-Za-z]:[\\/][^\\/\n].*")  # local paths
OPEN_FUNCTIONS = {"open", "io.open", "gzip.open", "bz2.open", "lzma.open", "codecs.open"}
READERS = {  # functions whose first argument is the path
    *(f"pandas.read_{kind}" for kind in "csv table excel json parquet pickle feather hdf orc fwf".split()),
    *("numpy.load", "numpy.loadtxt", "numpy.genfromtxt", "numpy.fromfile", "joblib.load", "runpy.run_path"),
    *("pyarrow.csv.read_csv", "pyarrow.csv.open_csv", "pyarrow.parquet.read_table", "pyarrow.feather.read_table"),
    *("os.listdir", "os.scandir", "os.walk", "glob.glob", "shutil.copytree", "shutil.copy", "shutil.copyfile"),
}
READING_METHODS = {"read_text", "read_bytes", "iterdir", "glob", "rglob"}  # methods of pathlib.Path
WRITERS = {  # functions, with the position of the path among their arguments
    **dict.fromkeys(("numpy.save", "numpy.savez", "numpy.savez_compressed", "numpy.savetxt"), 0),
    **dict.fromkeys(("os.mkdir", "os.makedirs", "os.remove"), 0),
    **dict.fromkeys(("joblib.dump", "pyarrow.csv.write_csv", "pyarrow.parquet.write_table"), 1),
    **dict.fromkeys((f".to_{kind}" for kind in "csv parquet pickle json excel feather hdf".split()), 0),
    ".savefig": 0,
}
WRITING_METHODS = {"write_text", "write_bytes", "mkdir", "touch", "unlink"}  # methods of pathlib.Path
JOIN_FUNCTIONS = {"os.path.join", "posixpath.join", "pathlib.Path", "pathlib.PurePath", "pathlib.PosixPath"}
ENVIRONMENT = {"os.environ.get", "os.getenv"}
PATH_FUNCTIONS = {"os.path.abspath", "os.path.realpath", "os.path.expanduser", "os.path.normpath", "str", "os.fspath"}


@dataclass(frozen=True)
class FileUse:
    """A call that reads or writes a file. path: the path in the source, with `*` for each unknown part."""

    path: str
    writes: bool
    line: int
    context: Context


def relative_to_submission(path: str) -> str | None:
    """Return a path relative to the submission's folder, from which scripts run, or None if it is outside."""
    if not path:
        return None
    name = posixpath.normpath(path)
    if name.startswith(f"{CODE}/"):
        return name.removeprefix(f"{CODE}/")
    elsewhere = path.startswith(("/", "~", WILDCARD)) or "://" in path or path[1:2] == ":" or name.startswith("..")
    return None if elsewhere else name


def is_local_path(path: str) -> bool:
    """Return whether a path exists only locally: outside the submission, or in a folder that is never uploaded."""
    top, inside, _ = (relative_to_submission(path) or "").partition("/")
    return bool((top in LOCAL_ONLY and inside) or ABSOLUTE.fullmatch(path) or path.startswith("../"))


def find_file_uses(script: Script) -> Iterator[FileUse]:
    """Yield the calls in a script that read or write a file, if at least the beginning of its path is known."""
    for node, context in script.calls:
        if context.typing:
            continue
        file, writes = _file(node, script)
        path = path_of(file, script)
        if path and not path.startswith(WILDCARD):
            yield FileUse(path, writes, node.lineno, context)


def path_of(node: ast.expr | None, script: Script, depth: int = 0) -> str | None:
    """Return the path to which an expression evaluates, or None if not even its beginning is known."""
    if depth > MAX_DEPTH:
        return None
    match node:
        case ast.Constant(value=str(path)):
            return path
        case ast.Name(id="__file__"):
            return f"{CODE}/{script.file}"
        case ast.Name(id=name) if name in script.constants:
            return path_of(script.constants[name], script, depth + 1)
        case ast.JoinedStr(values=[first, *rest]):
            start = path_of(first, script, depth + 1)
            return start if start is None or not rest else f"{start}{WILDCARD}"
        case ast.FormattedValue(value=value):
            return path_of(value, script, depth + 1)
        case ast.BinOp(left=left, op=ast.Add() | ast.Div() as operator, right=right):
            separator = "/" if isinstance(operator, ast.Div) else ""
            return _join_parts([left, right], separator, script, depth)
        case ast.Attribute(value=value, attr="parent"):
            child = path_of(value, script, depth + 1)
            return child and posixpath.dirname(child)
        case ast.Call():
            return _evaluate_call(node, script, depth)
    return None


def _evaluate_call(node: ast.Call, script: Script, depth: int) -> str | None:
    name = script.name_of(node.func)
    if name in JOIN_FUNCTIONS:
        return _join_parts(node.args, "/", script, depth)
    # SAGEMAKER_BASE_DIR replaces /opt/ml in tests, and is not set on the platform
    if name in ENVIRONMENT and len(node.args) == 2 and strings_of(node.args[:1]) == ["SAGEMAKER_BASE_DIR"]:
        return path_of(node.args[1], script, depth + 1)
    if name == "os.path.dirname" and node.args:
        path = path_of(node.args[0], script, depth + 1)
        return path and posixpath.dirname(path)
    if name in PATH_FUNCTIONS and node.args:
        return path_of(node.args[0], script, depth + 1)
    if isinstance(node.func, ast.Attribute) and node.func.attr in ("resolve", "absolute", "expanduser", "as_posix"):
        return path_of(node.func.value, script, depth + 1)
    return None


def _join_parts(parts: list[ast.expr], separator: str, script: Script, depth: int) -> str | None:
    """Join the paths from several expressions, up to the first unknown one."""
    paths = [path_of(part, script, depth + 1) for part in parts]
    if not paths or paths[0] is None:
        return None
    if None in paths:
        paths = [*paths[: paths.index(None)], WILDCARD]
    known = [path for path in paths if path is not None]
    return posixpath.join(*known) if separator else "".join(known)


def _file(node: ast.Call, script: Script) -> tuple[ast.expr | None, bool]:
    name = script.name_of(node.func)
    method = method_of(node)
    keywords = keywords_of(node)
    positional = dict(enumerate(node.args))
    if name in OPEN_FUNCTIONS:
        return positional.get(0, keywords.get("file")), _is_write_mode(positional.get(1, keywords.get("mode")))
    if name in READERS:
        return positional.get(0, keywords.get("filepath_or_buffer")), False
    position = WRITERS.get(name, WRITERS.get(f".{method}") if not name.startswith("numpy") else None)
    if position in positional:
        return positional[position], True
    if isinstance(node.func, ast.Attribute) and _is_path(node.func.value, script):
        if method in READING_METHODS | WRITING_METHODS:
            return node.func.value, method in WRITING_METHODS
        if method == "open":
            return node.func.value, _is_write_mode(positional.get(0, keywords.get("mode")))
    return None, False


def _is_path(node: ast.expr, script: Script) -> bool:
    for _ in range(MAX_DEPTH):
        if isinstance(node, ast.BinOp):
            node = node.left
        elif isinstance(node, ast.Attribute):
            node = node.value
        elif isinstance(node, ast.Name) and node.id in script.constants:
            node = script.constants[node.id]
        elif isinstance(node, ast.Call):
            if script.name_of(node.func) in JOIN_FUNCTIONS - {"os.path.join", "posixpath.join"}:
                return True
            node = node.func
        else:
            return False
    return False


def _is_write_mode(mode: ast.expr | None) -> bool:
    """Return whether open() writes in this mode; an unknown mode counts as reading."""
    return isinstance(mode, ast.Constant) and isinstance(mode.value, str) and bool(set(mode.value) & set("wax+"))
