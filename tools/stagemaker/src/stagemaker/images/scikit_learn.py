"""scikit-learn images: jobs run in the simulator's environment, which has the packages of AWS's image."""

import re

from stagemaker.images.family import ImageFamily
from stagemaker.installation import pip_command

FAMILY = ImageFamily(
    name="scikit-learn",
    repositories=re.compile(r".*(scikit-learn|sklearn).*"),
    distributions=("scikit-learn",),
    remedy=pip_command("scikit-learn"),
    builds_to_serve=re.compile(".*scikit-learn.*"),
)
