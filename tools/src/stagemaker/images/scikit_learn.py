"""scikit-learn images: jobs run in the simulator's environment, which has the packages of AWS's image."""

import re

from recore.distribution import setup_command
from recore.simulator.images.family import ImageFamily

FAMILY = ImageFamily(
    name="scikit-learn",
    repositories=re.compile(r".*(scikit-learn|sklearn).*"),
    distributions=("scikit-learn",),
    remedy=setup_command(),
    builds_to_serve=re.compile(".*scikit-learn.*"),
)
