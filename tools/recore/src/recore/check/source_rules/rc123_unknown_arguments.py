"""A training job passes each of its hyperparameters to `train.py` as an argument. The four steps pass no arguments, but
a tuning job does, and `parse_args()` exits with status 2 if an argument is unknown.

    train(parser.parse_args())

Fix: ignore unknown arguments: `arguments, _ = parser.parse_known_args()`.
"""

from recore.check.rule import Finding, Findings, Level, Location, rule
from recore.check.script import method_of
from recore.check.source import SubmissionSource


@rule("train.py accepts unknown arguments")
def inspect(source: SubmissionSource) -> Findings:
    script = source.script("train.py")
    for node, context in script.calls if script else []:
        if method_of(node) == "parse_args" and not node.args and script and script.executes(context):
            message = (
                "parse_args() exits if an argument is unknown. The four steps pass no arguments, but a tuning "
                "job passes hyperparameters"
            )
            fix = "use `arguments, _ = parser.parse_known_args()`"
            yield Finding(message, fix, Location(script.file, node.lineno), Level.WARNING)
