"""Where a submission defines what a finding is about."""

import ast

from recore.check.rule import Place
from recore.check.script import parse_script
from recore.evaluation import SubmissionFiles


def place_of(submission: SubmissionFiles, *functions: str) -> Place:
    """The line that defines the first of some functions, in train.py or another file, or train.py as a whole."""
    names = ["train.py", *sorted(name for name in submission.files if name.endswith(".py") and name != "train.py")]
    for function in functions:
        for name in names:
            if found := parse_script(name, submission.files[name]).functions.get(function):
                return Place(name, found.lineno)
    return Place("train.py")


def definition_of(submission: SubmissionFiles, name: str) -> Place:
    """The line in train.py that defines a class or a function, or train.py as a whole."""
    for node in parse_script("train.py", submission.files["train.py"]).tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name.split(".")[0]:
            return Place("train.py", node.lineno)
    return Place("train.py")
