"""If assays get into the inputs, the model learns to copy them. The public score is then excellent, but the private
score is worthless, because private data have no assays. Assays that are written next to the inputs are only a warning,
because they are removed from the request to the model.

    chosen = spectra.corrwith(data["CuPPM"]).nlargest(100).index

Fix: compute the inputs only from the spectral channels, and write nothing else.
"""

from recore.check.experiments import Experiments
from recore.check.inputs import effect_of_assays
from recore.check.rule import Finding, Findings, Level, Location, rule
from recore.listing import list_names

FIX = "Compute the inputs only from the spectral channels (the columns whose names are numbers)"
FIX_WRITTEN = "Drop the assays before the inputs are written to the CSV"


@rule("The inputs do not depend on the assays", needs=("RC503",))
def inspect(experiments: Experiments) -> Findings:
    experiments.preprocessing()
    if written := experiments.targets_written:
        message = (
            f"preprocess.py writes public assays ({list_names(written, 3)}) into step 2's CSV. They are removed "
            "from the request, locally and probably on the platform, and private data have none"
        )
        yield Finding(message, FIX_WRITTEN, Location("preprocess.py"), Level.WARNING)
    if difference := effect_of_assays(experiments.differences()):
        yield Finding(f"The inputs change if the assays are missing: {difference}", FIX, Location("preprocess.py"))
