"""The platform starts `train.py` and `preprocess.py` by these names, at the top level of the submission. A file that
has another name, is in a subfolder, or cannot be read as a regular file (a link out of the submission, a pipe, a file
of more than 4 MB) ends the job that needs it: `can't open file 'train.py': No such file or directory`.

Fix: put both files, by these names, at the top level of the folder.
"""

from collections.abc import Iterator

from recore.check.rule import Finding, Place, rule
from recore.check.script import ENTRY_POINTS
from recore.check.source import SubmissionSource
from recore.check.submission_tree import UnreadableFile

STEPS = {"train.py": "the training job and the model's server start with it", "preprocess.py": "step 2 runs it"}


@rule("RC101", "train.py and preprocess.py are there")
def inspect(source: SubmissionSource) -> Iterator[Finding]:
    for name in ENTRY_POINTS:
        try:
            source.tree.read(name)
        except UnreadableFile as error:
            fix = f"write {name} as a regular file at the top level"
            yield Finding(f"{error}, but {STEPS[name]}", fix, Place(name))
