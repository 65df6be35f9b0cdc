"""Lines of a requirements.txt that pin packages of the container to the versions of the platform's former image.

The challenge's first template listed these versions, and published submissions pin some of them. Most do not exist for
Python 3.12, so that a job that installs them fails.
"""

from collections.abc import Iterable

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from stagemaker import RequirementLine, container_packages

FORMER_IMAGE = "the platform's former image (scikit-learn 0.23, Python 3.7)"
FORMER_VERSIONS = {  # of its packages, as the template listed them; scikit-learn 0.24.0 was installed over 0.23.2
    "boto3": "1.16.4",
    "botocore": "1.19.4",
    "flask": "1.1.1",
    "gunicorn": "20.0.4",
    "model-archiver": "1.0.3",
    "multi-model-server": "1.1.1",
    "numpy": "1.19.2",
    "pandas": "1.1.3",
    "psutil": "5.7.2",
    "python-dateutil": "2.8.1",
    "retrying": "1.3.3",
    "sagemaker-containers": "2.8.6.post2",
    "sagemaker-inference": "1.2.0",
    "sagemaker-training": "3.6.2",
    "scikit-learn": "0.24.0",
    "scipy": "1.5.3",
    "six": "1.15.0",
}


def is_old_pin(requirement: Requirement) -> bool:
    """Whether a requirement pins one of the former image's packages to the version there, or to an older one."""
    former = FORMER_VERSIONS.get(canonicalize_name(requirement.name))
    pinned = [each.version.removesuffix(".*") for each in requirement.specifier if each.operator == "=="]
    return former is not None and any(Version(version) <= Version(former) for version in pinned)


def old_pins_hint(lines: Iterable[RequirementLine]) -> str | None:
    """What to do about old pins in the lines of a requirements.txt; None if there are none."""
    pins = [line.requirement for line in lines if line.requirement and is_old_pin(line.requirement)]
    if not pins:
        return None
    versions = {name.lower(): version for name, version in container_packages().items()}
    names = [canonicalize_name(pin.name) for pin in pins]
    there = ", ".join(f"{name} {versions.get(name, '')}".strip() for name in names)
    return (
        f"remove {', '.join(map(str, pins))} from requirements.txt: these versions belong to {FORMER_IMAGE}. The "
        f"container has these packages: {there}."
    )
