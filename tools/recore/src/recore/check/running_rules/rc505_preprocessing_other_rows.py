"""Public and private data are preprocessed separately, and in production, rows arrive a few at a time. Values that
depend on the other rows of a file, such as the mean over the file or a drill hole, then differ between training and
prediction. This is only a warning, because a file of complete drill holes may still score well.

    spectra = (spectra - spectra.mean()) / spectra.std()   # over the rows of the file

Fix: compute a row's inputs from that row alone; anything that must be learnt from many rows belongs in fit().
"""

from recore.check.experiments import Experiments
from recore.check.rule import Finding, Findings, Level, Location, rule

FIX = "Compute a row's inputs from that row alone; anything that is learnt from many rows belongs in fit()"


@rule("The inputs of a row do not depend on other rows", needs=("RC502", "RC503", "RC504"))
def inspect(experiments: Experiments) -> Findings:
    if difference := find_difference(experiments):
        message = (
            f"{difference}. Rows that arrive without the rest of their file or drill hole, as in production, are "
            "predicted differently"
        )
        yield Finding(message, FIX, Location("preprocess.py"), Level.WARNING)


def find_difference(experiments: Experiments) -> str:
    """Describe how a row's inputs depend on the other rows of its file, or return "" if they do not."""
    count, differences = len(experiments.data.subset), experiments.differences()
    cases = {
        "some": f"only {count} of the file's rows",
        "reversed": f"{count} of the file's rows, in reverse order and without assays",
        "single": "a single row of the file, without assays",
    }
    for name, data in cases.items():
        if difference := differences[name]:
            return f"With {data}, the inputs differ from the inputs for the entire file: {difference}"
    return ""
