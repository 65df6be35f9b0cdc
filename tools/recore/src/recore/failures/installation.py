"""Fixes for a failed installation of requirements.txt, based on the names and former versions of packages."""

import platform
import re
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from recore.failures.submission_files import requirements_of
from stagemaker import container_packages

FORMER_IMAGE = "the platform's former image (scikit-learn 0.23, Python 3.7)"
# its packages, as the template listed them; scikit-learn 0.24.0 was installed over 0.23.2
FORMER_PINS = (
    "boto3==1.16.4 botocore==1.19.4 flask==1.1.1 gunicorn==20.0.4 model-archiver==1.0.3 multi-model-server==1.1.1 "
    "numpy==1.19.2 pandas==1.1.3 psutil==5.7.2 python-dateutil==2.8.1 retrying==1.3.3 scikit-learn==0.24.0 "
    "sagemaker-containers==2.8.6.post2 sagemaker-inference==1.2.0 sagemaker-training==3.6.2 scipy==1.5.3 six==1.15.0"
)
FORMER_VERSIONS = dict(pin.split("==") for pin in FORMER_PINS.split())


def is_old_pin(requirement: Requirement) -> bool:
    """Return whether a requirement pins a package of the former image to the image's version or an older one."""
    limit = FORMER_VERSIONS.get(canonicalize_name(requirement.name))
    pins = [each.version.removesuffix(".*") for each in requirement.specifier if each.operator == "=="]
    return limit is not None and any(Version(version) <= Version(limit) for version in pins)


DISTRIBUTIONS = {  # by module, where the names differ; installed packages need no entry
    "Bio": "biopython",
    "Crypto": "pycryptodome",
    "PIL": "pillow",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "fitz": "PyMuPDF",
    "git": "GitPython",
    "imblearn": "imbalanced-learn",
    "jwt": "PyJWT",
    "pywt": "PyWavelets",
    "serial": "pyserial",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "skopt": "scikit-optimize",
    "umap": "umap-learn",
    "yaml": "PyYAML",
}
MODULES_WITHOUT_PACKAGE = ("pil", "cv2", "dateutil", "skimage", "sklearn", "yaml")  # docx and jwt exist as packages
FORMER_NAMES = {"pytorch": "torch", "tensorflow-gpu": "tensorflow"}  # the former names are placeholders on the index
# the probably intended package by normalised name, for names that pip does not find or no job can install
INTENDED_NAMES = FORMER_NAMES | {canonicalize_name(module): package for module, package in DISTRIBUTIONS.items()}
WRONG_NAMES = {name: INTENDED_NAMES[name] for name in (*FORMER_NAMES, *MODULES_WITHOUT_PACKAGE)}
PIP_FAILURE = "requirements.txt could not be installed: "  # in the reason of a job that ended before its script started
NOT_FOUND = re.compile(r"ERROR: No matching distribution found for ([\w.-]+)")  # pip's message


def installation_fix(reason: str, submission: Path) -> str | None:
    """Return the fix for a failed installation, or None if no line of requirements.txt is the likely cause.

    submission: a folder or archive.
    """
    lines = requirements_of(submission)
    if pins := [line.requirement for line in lines if line.requirement and is_old_pin(line.requirement)]:
        versions = {name.lower(): version for name, version in container_packages().items()}
        names = [canonicalize_name(pin.name) for pin in pins]
        current = ", ".join(f"{name} {versions.get(name, '')}".strip() for name in names)
        return (
            f"remove {', '.join(map(str, pins))} from requirements.txt: these versions are from {FORMER_IMAGE}. The "
            f"container already has {current}."
        )
    name = canonicalize_name(no_match[1]) if (no_match := NOT_FOUND.search(reason)) else None
    line = next((line for line in lines if name and line.name == name), None)
    if line is None or name is None:
        return None
    location = f"in requirements.txt, line {line.number}, `{line.spec}`"
    if package := INTENDED_NAMES.get(name):
        return f"correct the name {location}: the package is called {package}."
    python = ".".join(platform.python_version_tuple()[:2])
    return (
        f"correct the name or the version {location}. pip finds no wheel for Python {python}: the "
        "package may be misspelt, withdrawn or built for other versions of Python, or the index is unreachable."
    )
