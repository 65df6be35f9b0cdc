"""A script that the container's Python 3.12 cannot compile ends its job before the first line runs. Scripts that
`train.py` imports are compiled again by the model's server, whose health check then fails.

    def fit(inputs, targets, holes)      # no colon
        ...

Fix: correct the line that is named. The submission is compiled here by the same version of Python, but not executed.
"""

from collections.abc import Iterator

from recore.check.rule import Finding, Place, rule
from recore.check.source import SubmissionSource


@rule("RC102", "The scripts are valid Python 3.12", needs=("RC101",))
def inspect(source: SubmissionSource) -> Iterator[Finding]:
    for script in source.scripts:
        if script.problem:
            yield Finding(
                f"Python 3.12 cannot compile it: {script.problem}",
                "correct this line; `python -m py_compile` shows the error, too",
                Place(script.file, script.problem_line),
            )
