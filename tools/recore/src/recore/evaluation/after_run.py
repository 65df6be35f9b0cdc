"""What to do after a run that has ended: one command."""

import shlex
from pathlib import Path

from recore.distribution import shell_program
from recore.evaluation.data import find_data_files
from recore.evaluation.four_steps import EvaluationRun


def next_command(run: EvaluationRun) -> str | None:
    """The command that helps most now, by the state of the run; None if it was stopped, or its simulator is gone.

    `recore check` needs a submission's own failure or none. What only happened on private data is in the log, and what
    happened outside the jobs is a matter of this machine.
    """
    if run.state == "Stopped" or run.gone:
        return None
    failed = next((step for step in run.steps.values() if step.state == "Failed"), None)
    if failed and failed.outside:
        return f"{shell_program()} doctor"
    if failed and failed.name.startswith("private"):
        return shlex.join(["less", str(run.folder / "logs" / failed.log)])
    submission = run.submission.path
    words = [] if submission == Path() else [str(submission)]
    if run.data.public != find_data_files(submission).public:
        words += ["--public", str(run.data.public)]
    if run.is_strangers:
        words.append("--for-host")
    return " ".join([shell_program(), "check", *map(shlex.quote, words)])
