"""Step 2 sees the public and the private file one at a time, and in production it gets a few rows at a time. An
estimator that `preprocess.py` fits learns from the rows of that file: the same sample gets other inputs in another
file, and the model gets inputs that differ from those it was trained with.

    inputs = StandardScaler().fit_transform(spectra)     # in preprocess.py

Fix: fit it in `train.py`, as a part of the model's pipeline. Transformers that learn nothing from other rows are
accepted: `Normalizer` and `FunctionTransformer`.
"""

import ast
from collections.abc import Iterator

from recore.check.rule import Finding, Level, Place, rule
from recore.check.script import Script, last_name
from recore.check.source import SubmissionSource

STATELESS = ("Normalizer", "FunctionTransformer")


@rule("RC120", "preprocess.py learns nothing from the rows of a file", needs=("RC101", "RC102"))
def inspect(source: SubmissionSource) -> Iterator[Finding]:
    script = source.script("preprocess.py")
    for node, context in script.calls if script else []:
        if not isinstance(node.func, ast.Attribute) or context.typing:
            continue
        if node.func.attr in ("fit", "fit_transform") and not _is_stateless(node.func.value, script):
            yield Finding(
                "it learns from all rows of the file, so a row's inputs depend on the other rows",
                "fit it in train.py, as a part of the model's pipeline",
                Place("preprocess.py", node.lineno),
                Level.WARNING,
            )


def _is_stateless(node: ast.expr, script: Script | None) -> bool:
    """Whether an expression is a transformer that learns nothing, as far as the source shows."""
    if isinstance(node, ast.Name) and script:
        values = [
            each.value
            for each, _ in script.nodes
            if isinstance(each, ast.Assign)
            and any(isinstance(at, ast.Name) and at.id == node.id for at in each.targets)
        ]
        return bool(values) and all(_is_stateless(value, None) for value in values)
    return isinstance(node, ast.Call) and last_name(node.func) in STATELESS
