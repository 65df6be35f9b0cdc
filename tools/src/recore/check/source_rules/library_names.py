"""The container has numpy 2, pandas 2 and scikit-learn 1.9. Names that older versions had, and that many notebooks
still use, raise AttributeError or ImportError when the line runs.

    values = spectra.astype(np.float_)                   # removed in numpy 2
    from sklearn.externals import joblib                 # removed in scikit-learn 0.23

Fix: use the name that the current version has: `np.float64` for `np.float_`, `import joblib`. Names are looked up in
the libraries that are installed here, which have the container's versions.
"""

import ast
from collections.abc import Iterator

from recore.check.libraries import IMPORTED, describe, has_module, has_name, is_installed
from recore.check.rule import Finding, Place, rule
from recore.check.script import ImportStatement, Script
from recore.check.source import SubmissionSource


@rule("RC121", "The container's libraries have the names that the scripts use", needs=("RC101", "RC102"))
def inspect(source: SubmissionSource) -> Iterator[Finding]:
    for script in source.scripts:
        missing = [pair for statement in script.imports for pair in _not_importable(statement)]
        for name, line in [*missing, *_missing_attributes(script)]:
            library = name.partition(".")[0]
            if source.find_module(library) is None:
                yield Finding(
                    f"{describe(library)} has no {name}: this line raises an exception",
                    "use the name that the current version of the library has",
                    Place(script.file, line),
                )


def _not_importable(statement: ImportStatement) -> Iterator[tuple[str, int]]:
    """The module of an import, or the names in it, that a library does not have."""
    if statement.optional or not is_installed(statement.top):
        return
    if not has_module(statement.module):
        yield statement.module, statement.line
        return
    for name in statement.names:
        if name != "*" and not has_name(statement.module, name):
            yield f"{statement.module}.{name}", statement.line


def _missing_attributes(script: Script) -> Iterator[tuple[str, int]]:
    """Names such as numpy.float_ that a script uses and the library does not have."""
    for node, context in script.nodes:
        if context.typing or context.conditional or context.handles("AttributeError"):
            continue
        match node:
            case ast.Attribute(value=ast.Name(id=name), attr=attribute):
                library = script.aliases.get(name, "")
                alone = library in IMPORTED and script.bindings.get(name) == 1
                if alone and is_installed(library) and not has_name(library, attribute):
                    yield f"{library}.{attribute}", node.lineno
