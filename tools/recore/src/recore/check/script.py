"""The imports, names and calls of a submission's Python files, which are parsed but never executed."""

import ast
import io
import tokenize
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from recore.check.rule import Location

# names in the condition of an `if` that distinguishes the platform from other computers
PROBES = frozenset(
    "exists isfile isdir is_file is_dir isatty environ getenv find_spec version_info __version__ Version".split()
)
SYSTEM_PROBES = frozenset(("os.name", "sys.platform", "platform.system"))
ENTRY_POINTS = ("train.py", "preprocess.py")  # that jobs start
DEFINERS_ANYWHERE = ("globals", "exec")  # can define names at the top level
DEFINERS = (*DEFINERS_ANYWHERE, "setattr", "vars", "locals")
Function = ast.FunctionDef | ast.AsyncFunctionDef
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
MAX_DEPTH = 40  # levels of nested expressions that are evaluated


@dataclass(frozen=True)
class Context:
    """The context of a statement or expression.

    function: it runs only when a function is called. main: it runs only in the main program. typing: it never runs.
    conditional: it depends on a test for files, variables or versions. handled: names of exceptions caught around it.
    """

    function: bool = False
    main: bool = False
    typing: bool = False
    conditional: bool = False
    handled: frozenset[str] = frozenset()

    def handles(self, *exceptions: str) -> bool:
        """Return whether one of these exceptions, or a base class such as Exception, is caught."""
        return bool(self.handled & {"Exception", "BaseException", *exceptions})

    @property
    def runs_on_import(self) -> bool:
        """Whether the code runs when the file is imported."""
        return not (self.function or self.main or self.typing)


@dataclass(frozen=True)
class ImportStatement:
    """An import. module: the absolute name, or "" if a relative import goes beyond the top-level package.

    names: the names in `from module import ...`.
    """

    module: str
    names: tuple[str, ...]
    line: int
    context: Context

    @property
    def top(self) -> str:
        return self.module.partition(".")[0]

    @property
    def optional(self) -> bool:
        """Whether the script works without the module, because it handles ImportError or tests for the module first."""
        return (
            self.context.typing
            or self.context.conditional
            or self.context.handles("ImportError", "ModuleNotFoundError")
        )


@dataclass
class Script:
    """A Python file. tree: empty if the file has a syntax error, whose message is in `problem`."""

    file: str
    content: bytes = b""
    tree: ast.Module = field(default_factory=lambda: ast.Module([], []))
    problem: str = ""
    problem_line: int = 0

    @cached_property
    def nodes(self) -> list[tuple[ast.AST, Context]]:
        """All nodes in source order with their contexts, except docstrings and other bare string literals."""
        return list(_walk(self.tree))

    @cached_property
    def calls(self) -> list[tuple[ast.Call, Context]]:
        return [(node, context) for node, context in self.nodes if isinstance(node, ast.Call)]

    def executes(self, context: Context) -> bool:
        """Return whether a job runs code in this context. Only scripts that jobs start run code under a main guard."""
        return not context.main or self.file in ENTRY_POINTS

    @cached_property
    def imports(self) -> list[ImportStatement]:
        return list(self._find_imports())

    def _find_imports(self) -> Iterator[ImportStatement]:
        for node, context in self.nodes:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield ImportStatement(alias.name, (), node.lineno, context)
            elif isinstance(node, ast.ImportFrom):
                module = self._absolute(node.module or "", node.level)
                yield ImportStatement(module, tuple(alias.name for alias in node.names), node.lineno, context)
            elif isinstance(node, ast.Call) and self.name_of(node.func) == "importlib.import_module":
                match node.args[:1]:
                    case [ast.Constant(value=str(name))] if name and not name.startswith("."):
                        yield ImportStatement(name, (), node.lineno, context)

    def _absolute(self, module: str, level: int) -> str:
        if not level:
            return module
        parents = self.file.split("/")[:-1]
        if level > len(parents):
            return ""
        return ".".join(filter(None, [*parents[: len(parents) - level + 1], module]))

    @cached_property
    def aliases(self) -> dict[str, str]:
        """The full names of imported names, such as pandas for pd."""
        names: dict[str, str] = {}
        for node, _ in self.nodes:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    top = alias.name.partition(".")[0]
                    names[alias.asname or top] = alias.name if alias.asname else top
            elif isinstance(node, ast.ImportFrom):
                module = self._absolute(node.module or "", node.level)
                names |= {alias.asname or alias.name: f"{module}.{alias.name}" for alias in node.names}
        return names

    def name_of(self, node: ast.expr) -> str:
        """Return the dotted name of an expression, with imported names in full: `pandas.read_csv` for `pd.read_csv`.

        For other expressions, return the last attribute with a leading dot, such as `.to_csv`, or "" if there is none.
        """
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        root = ""
        if isinstance(node, ast.Name) and node.id in self.aliases:
            root = self.aliases[node.id]
        elif isinstance(node, ast.Name) and (not parts or node.id not in self.bindings):
            root = node.id
        if root:
            return ".".join([root, *reversed(parts)])
        return f".{parts[0]}" if parts else ""

    @cached_property
    def bindings(self) -> Counter[str]:
        """The number of times that the file binds each name, in any scope."""
        return Counter(name for node, _ in self.nodes if (name := _get_bound_name(node)))

    @cached_property
    def constants(self) -> dict[str, ast.expr]:
        """The values of names that are assigned once in the entire file, at the top level."""
        values = {}
        for statement in self.tree.body:
            if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
                target, value = statement.targets[0], statement.value
            elif isinstance(statement, ast.AnnAssign) and statement.value:
                target, value = statement.target, statement.value
            else:
                continue
            if isinstance(target, ast.Name) and self.bindings[target.id] == 1:
                values[target.id] = value
        return values

    @cached_property
    def definitions(self) -> dict[str, Function | ast.ClassDef]:
        """The functions and classes at the top level, by name."""
        return {node.name: node for node in self.tree.body if isinstance(node, Function | ast.ClassDef)}

    @cached_property
    def functions(self) -> dict[str, Function]:
        """The functions at the top level, by name."""
        return {name: node for name, node in self.definitions.items() if isinstance(node, Function)}

    @property
    def has_dynamic_names(self) -> bool:
        """Whether the file may define names dynamically."""
        names = ((node.id, context) for node, context in self.nodes if isinstance(node, ast.Name))
        return any(name in (DEFINERS if context.runs_on_import else DEFINERS_ANYWHERE) for name, context in names)


def parse_script(file: str, content: bytes) -> Script:
    """Parse a Python file. A syntax error is stored in `problem`."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        content.decode(encoding)  # the parser accepts bytes with comments that Python rejects in a file
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(content)
            compile(tree, file, "exec", dont_inherit=True)  # finds what a parser cannot, such as a lone `return`
            return Script(file, content, tree)
    except SyntaxError as error:
        return Script(file, content, problem=error.msg, problem_line=max(error.lineno or 0, 0))
    except UnicodeDecodeError as error:
        problem = f"byte {error.object[error.start]:#x} is not valid {error.encoding}; save the file as UTF-8"
        return Script(file, content, problem=problem, problem_line=content.count(b"\n", 0, error.start) + 1)
    except (ValueError, RecursionError, MemoryError) as error:
        return Script(file, content, problem=str(error) or "its expressions are nested too deeply")


class Scripts:
    """The scripts among a submission's files, with train.py first. files: the contents by name."""

    def __init__(self, files: Mapping[str, bytes]):
        names = sorted((name for name in files if name.endswith(".py")), key=lambda name: (name != "train.py", name))
        self._parsed = [parse_script(name, files[name]) for name in names]

    def locate(self, *names: str) -> Location:
        """Return the location of the first of these functions or classes that exists, otherwise of train.py."""
        for name in names:
            for script in self._parsed:
                if definition := script.definitions.get(name):
                    return Location(script.file, definition.lineno)
        return Location("train.py")


def parameters_of(function: Function) -> list[tuple[ast.arg, ast.expr | None]]:
    """Return a function's parameters except `*args` and `**kwargs`, each with its default, or None."""
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    required = [None] * (len(positional) - len(arguments.defaults))
    defaults = [*required, *arguments.defaults, *arguments.kw_defaults]
    return [*zip([*positional, *arguments.kwonlyargs], defaults, strict=True)]


def keywords_of(call: ast.Call) -> dict[str | None, ast.expr]:
    """Return the keyword arguments of a call; the key None holds an argument that is unpacked with `**`."""
    return {keyword.arg: keyword.value for keyword in call.keywords}


def strings_of(nodes: Iterable[ast.AST | None]) -> list[str]:
    """Return the values of the nodes that are string constants."""
    return [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]


def method_of(call: ast.Call) -> str:
    """Return the name of the called method or attribute, or "" for other calls."""
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


def line_of(node: ast.AST) -> int:
    """Return the line of a node, or 0 if it has none."""
    return getattr(node, "lineno", 0)


def _walk(tree: ast.Module) -> Iterator[tuple[ast.AST, Context]]:
    """Yield a module's nodes in source order, with their contexts. Recursion is avoided, because trees can be deep."""
    stack: list[tuple[ast.AST, Context]] = [(tree, Context())]
    while stack:
        node, context = stack.pop()
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            continue
        yield node, context
        children: list[tuple[ast.AST, Context]] = []
        for name, value in ast.iter_fields(node):
            inner = _inner(node, name, context)
            values = value if isinstance(value, list) else [value]
            children += [(child, inner) for child in values if isinstance(child, ast.AST)]
        stack.extend(reversed(children))


def _inner(node: ast.AST, name: str, context: Context) -> Context:
    if isinstance(node, FUNCTIONS) and name == "body":
        return replace(context, function=True)
    if isinstance(node, ast.If | ast.IfExp | ast.While) and name in ("body", "orelse"):
        test = {each.id if isinstance(each, ast.Name) else getattr(each, "attr", "") for each in ast.walk(node.test)}
        if "__name__" in test:
            return replace(context, main=context.main or name == "body")
        if "TYPE_CHECKING" in test:
            return replace(context, typing=context.typing or name == "body")
        return replace(context, conditional=context.conditional or bool(test & PROBES) or _tests_system(node.test))
    if isinstance(node, ast.Try | ast.TryStar) and name != "finalbody":
        caught = [handler for handler in node.handlers if not isinstance(handler.body[-1], ast.Raise)]
        names = {each for handler in caught for each in _exceptions(handler.type)}
        return replace(context, handled=context.handled | names)
    if isinstance(node, ast.With) and name == "body":
        calls = [item.context_expr for item in node.items if isinstance(item.context_expr, ast.Call)]
        suppressed = [each for call in calls if last_name(call.func) == "suppress" for each in call.args]
        return replace(context, handled=context.handled | {last_name(each) for each in suppressed})
    return context


def _tests_system(test: ast.expr) -> bool:
    attributes = [each for each in ast.walk(test) if isinstance(each, ast.Attribute)]
    return any(f"{last_name(each.value)}.{each.attr}" in SYSTEM_PROBES for each in attributes)


def _exceptions(caught: ast.expr | None) -> list[str]:
    if caught is None:
        return ["BaseException"]
    return [last_name(each) for each in (caught.elts if isinstance(caught, ast.Tuple) else [caught])]


def last_name(node: ast.expr) -> str:
    """Return the part of a dotted name after its last dot, or "" if the expression is not a name."""
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _get_bound_name(node: ast.AST) -> str | None:
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.arg(arg=name) | ast.MatchMapping(rest=name):
            return name
        case ast.alias():
            return node.asname or node.name.partition(".")[0]
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return node.name
        case ast.ExceptHandler() | ast.MatchAs() | ast.MatchStar():
            return node.name
    return None
