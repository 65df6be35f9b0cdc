"""scikit-learn images: the package sets of three of AWS's images, selected by an image's tag."""

import re
from pathlib import Path

from stagemaker.images.family import CONTAINER, ImageFamily
from stagemaker.images.package_set import PackageSet

FOLDER = Path(__file__).parent
NEWEST_SET = PackageSet("scikit-learn-1.9-0", (CONTAINER / "packages.txt",), ("3.12",))

FAMILY = ImageFamily(
    name="scikit-learn",
    repositories=re.compile(r".*(scikit-learn|sklearn).*"),
    distribution="scikit-learn",
    module="sklearn",
    package_sets={
        "1.9-0": NEWEST_SET,
        "1.4-2": PackageSet("scikit-learn-1.4-2", (FOLDER / "scikit-learn-1.4-2.txt",), ("3.12",)),
        "1.2-1": PackageSet("scikit-learn-1.2-1", (FOLDER / "scikit-learn-1.2-1.txt",), ("3.11",)),
    },
    versioned_names=re.compile("(sagemaker-)?scikit-learn"),
    builds_to_serve=re.compile(".*scikit-learn.*"),
)


def container_packages() -> dict[str, str]:
    """Return the version of each package in AWS's newest scikit-learn image, by its name on PyPI."""
    return dict(NEWEST_SET.versions)
