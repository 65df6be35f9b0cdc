"""Private data have no assay columns and come from other drill holes. A preprocess.py that needs the assays, or
supports only the drill holes of the public file, works on public data and fails on the platform, where you cannot see
the log for private data.

    targets = data[TARGETS]   # a KeyError without these columns
    offset = OFFSETS[hole]    # a KeyError for a drill hole that is not in the public file

Fix: use the assays in preprocess.py only if they exist, or not at all, and treat all drill holes alike.
"""

from recore.check.experiments import Experiments
from recore.check.failures import ExperimentError
from recore.check.inputs import effect_of_assays, read_variation
from recore.check.rule import Finding, Findings, Location, rule

FIX = "Use the assays in preprocess.py only if the data contain them"
FIX_HOLES = "Let preprocess.py treat all drill holes alike: private data come from other drill holes"


@rule("preprocess.py runs on data without assays and from other drill holes", needs=("RC501", "RC502"))
def inspect(experiments: Experiments) -> Findings:
    try:
        variations, differences = experiments.variations(), experiments.differences()
    except ExperimentError as failed:
        yield failed.finding("preprocess.py could not be tested with variations of the data")
        return
    problems = {name: read_variation(variation, ()).problem for name, variation in variations.items()}
    if not problems["private"]:  # RC505 is about files with few rows
        return
    condition, fix = "data without assays", FIX
    if not effect_of_assays(differences):
        condition, fix = "data from drill holes that are not in the public file", FIX_HOLES
    elif problems["some"]:
        condition, fix = "private data, which have no assays and come from other drill holes", f"{FIX}. {FIX_HOLES}"
    yield Finding(f"preprocess.py fails on {condition}: {problems['private']}", fix, Location("preprocess.py"))
