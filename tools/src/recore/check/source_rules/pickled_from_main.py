"""A pickle contains no code: it names a class by its module, and loading looks it up there. `train.py` runs as the
module `__main__`, so an instance of a class that it defines is stored as `__main__.Ridge`. In the model's server
`__main__` is gunicorn, and `model_fn` fails: `Can't get attribute 'Ridge' on <module '__main__'>`.

    class Ridge(BaseEstimator):          # in train.py
        ...

Fix: move the class, or the function that is passed to a transformer, to a module of its own that `setup.py` names; or
import `train.py` under its own name, as the template's `main()` does with `import train`. The finding is a warning,
because the source does not show with certainty what is pickled.
"""

import ast
from collections.abc import Iterator

from recore.check.rule import Finding, Level, Place, rule
from recore.check.script import Script, last_name
from recore.check.source import SubmissionSource

METHODS = {"fit", "predict", "transform"}
BASES = ("Estimator", "Mixin", "Regressor", "Transformer", "Pipeline")
TAKERS = ("FunctionTransformer", "make_scorer", "TransformedTargetRegressor", "partial")
BY_VALUE = {"dill", "cloudpickle"}  # they store the code of what __main__ defines


@rule("RC117", "Models do not consist of classes that train.py itself defines", needs=("RC101", "RC102"))
def inspect(source: SubmissionSource) -> Iterator[Finding]:
    script = source.script("train.py")
    if script is None:
        return
    imported = {statement.module for each in source.reached_from("train.py") for statement in each.imports}
    renamed = any(isinstance(node, ast.Attribute) and node.attr == "__module__" for node, _ in script.nodes)
    if "train" in imported or BY_VALUE & imported or renamed:
        return
    used = {node.id for node, _ in script.nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    for statement in script.tree.body:
        if isinstance(statement, ast.ClassDef) and statement.name in used and _is_model(statement):
            yield _finding(statement.name, statement.lineno)
    passed = set(_passed(script))
    for name, function in script.functions.items():
        if name in passed:
            yield _finding(name, function.lineno)


def _finding(name: str, line: int) -> Finding:
    return Finding(
        f"a pickle that train.py writes names it __main__.{name}, which the model's server does not have",
        f"move {name} to another module that setup.py names, or let it import train, as the template's main() does",
        Place("train.py", line),
        Level.WARNING,
    )


def _is_model(node: ast.ClassDef) -> bool:
    methods = {each.name for each in node.body if isinstance(each, ast.FunctionDef)}
    bases = [last_name(base) for base in node.bases]
    return bool(methods & METHODS) or any(base.endswith(BASES) for base in bases)


def _passed(script: Script) -> Iterator[str]:
    """The names of functions that are passed to what keeps them in a model."""
    for node, _ in script.calls:
        if script.name_of(node.func).endswith(TAKERS):
            for argument in [*node.args, *(keyword.value for keyword in node.keywords)]:
                if isinstance(argument, ast.Name):
                    yield argument.id
