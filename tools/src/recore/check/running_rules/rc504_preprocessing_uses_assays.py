"""If assays get into the inputs, the model learns to copy them. The public score is then excellent, and the private
one, where there are no assays, is worthless.

    chosen = spectra.corrwith(data["CuPPM"]).nlargest(100).index

Fix: compute the inputs from the spectral channels alone.
"""

from collections.abc import Iterator

from recore.check.experiments import Experiments
from recore.check.inputs import read_inputs
from recore.check.rule import Finding, Place, rule
from recore.check.variations import compare, read_variation

FIX = "Take the inputs from the spectral channels alone (the columns whose names are numbers)"


@rule("The inputs do not depend on the assays", needs=("RC503",))
def inspect(experiments: Experiments) -> Iterator[Finding]:
    variations = experiments.variations()
    some = read_variation(variations["some"])
    if some.problem:  # preprocessing-other-rows is about that
        return
    header = read_inputs(experiments.preprocessing(), ()).header
    for name, what in (("shuffled", "are those of other rows"), ("untargeted", "are missing")):
        if difference := compare(variations[name], some.rows, header):
            message = f"The inputs change if the assays {what}: {difference}"
            yield Finding(message, FIX, Place("preprocess.py"))
            return
