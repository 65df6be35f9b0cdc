"""Where a submission defines what a finding is about."""

import ast
import warnings

from recore.check.rule import Place
from recore.pipeline.submission import SubmissionFiles


def place_of(submission: SubmissionFiles, *functions: str) -> Place:
    """The line that defines the first of some functions that is there, or train.py as a whole."""
    names = ["train.py", *sorted(name for name in submission.files if name.endswith(".py") and name != "train.py")]
    for function in functions:
        for name in names:
            for node in _statements(submission.files[name]):
                if isinstance(node, ast.FunctionDef) and node.name == function:
                    return Place(name, node.lineno)
    return Place("train.py")


def _statements(source: bytes) -> list[ast.stmt]:
    try:
        with warnings.catch_warnings(action="ignore"):
            return ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []


def definition_of(submission: SubmissionFiles, name: str) -> Place:
    """The line in train.py that defines a class or a function, or train.py as a whole."""
    for node in _statements(submission.files["train.py"]):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name.split(".")[0]:
            return Place("train.py", node.lineno)
    return Place("train.py")
