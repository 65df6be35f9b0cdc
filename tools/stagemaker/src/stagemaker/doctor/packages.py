"""Checks of Python, and of the packages that this distribution requires."""

import platform
import sys
from collections.abc import Iterable

from stagemaker.doctor.result import FAIL, NOTE, OK, Check, PipCommand
from stagemaker.images.scikit_learn import container_packages
from stagemaker.installation import installed_version, missing_packages, required_packages


def check_python() -> Check:
    """Report the running Python. Its version is supported, because programs do not start with any other version."""
    return Check("Python", OK, f"{platform.python_version()}, {sys.executable}")


def check_container_packages(make_command: PipCommand) -> Check:
    required = container_packages()
    installed_versions = {name: installed_version(name) or "no version" for name in required}
    wrong_versions = {name: version for name, version in installed_versions.items() if version != required[name]}
    if wrong_versions:
        result = "; ".join(f"{name}: {version} instead of {required[name]}" for name, version in wrong_versions.items())
        cost = "Scripts that you run by hand may behave differently than in jobs."
        return Check("container", NOTE, result, cost, make_command(*wrong_versions))
    return Check("container", OK, f"{len(required)} packages match the container's versions")


def check_packages(make_command: PipCommand, distributions: Iterable[str]) -> Check:
    required = required_packages(distributions)
    if not required:
        cost = "The required packages are unknown."
        return Check("packages", NOTE, "this program runs from source and is not installed", cost, make_command())
    if missing := missing_packages(required):
        cost = "Commands that import these packages will fail."
        return Check("packages", FAIL, f"not installed: {', '.join(missing)}", cost, make_command(*missing))
    return Check("packages", OK, f"all {len(required)} required packages")
