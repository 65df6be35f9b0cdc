"""A training job passes each of its hyperparameters to `train.py` as an argument. The four steps pass none, but a
tuning job does, and `parse_args()` ends the script with status 2 if it does not know one of them.

    train(parser.parse_args())

Fix: take what is known, and ignore the rest: `arguments, _ = parser.parse_known_args()`.
"""

from recore.check.rule import Finding, Findings, Level, Place, rule
from recore.check.script import method_of
from recore.check.source import SubmissionSource


@rule("train.py accepts arguments that it does not know")
def inspect(source: SubmissionSource) -> Findings:
    script = source.script("train.py")
    for node, context in script.calls if script else []:
        if method_of(node) == "parse_args" and not node.args and script and script.executes(context):
            message = (
                "parse_args() ends the script if it gets an argument that it does not know. The four steps pass none, "
                "so this works there, but not with further hyperparameters, such as those of a tuning job"
            )
            fix = "use `arguments, _ = parser.parse_known_args()`"
            yield Finding(message, fix, Place(script.file, node.lineno), Level.WARNING)
