"""What a job writes is lost unless it is in the folder that the platform keeps: `SM_MODEL_DIR` when training, the
folder of `--output` when preprocessing. A relative path, or one beside the scripts, is in `/opt/ml/code`, which is not
kept, and where a model's server may not even be allowed to write.

    joblib.dump(model, "model.pkl")

Fix: write to `os.path.join(os.environ["SM_MODEL_DIR"], ...)`, or to `/tmp` what only the job itself needs.
"""

from collections.abc import Iterator

from recore.check.file_uses import find_file_uses
from recore.check.rule import Finding, Level, Place, rule
from recore.check.source import SubmissionSource


@rule("RC115", "The scripts write only where the platform keeps what they write", needs=("RC101", "RC102"))
def inspect(source: SubmissionSource) -> Iterator[Finding]:
    for script in source.scripts:
        for use in find_file_uses(script):
            executed = script.executes(use.context) and not use.context.conditional
            if use.writes and use.in_submission and executed:
                yield Finding(
                    f"{use.path!r} is written to the scripts' folder, which is not kept",
                    "write to SM_MODEL_DIR or the folder of --output; files that only the job needs belong in /tmp",
                    Place(script.file, use.line),
                    Level.WARNING,
                )
