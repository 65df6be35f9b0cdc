"""Checks of Python, of the packages that this distribution requires, and of the environments of images."""

import platform
import sys
from collections.abc import Iterable

from stagemaker.doctor.result import FAIL, NOTE, OK, Check, Remedy
from stagemaker.images.catalogue import package_sets
from stagemaker.images.kept_environments import environments, size_of
from stagemaker.images.package_set import READY, PackageSet
from stagemaker.images.scikit_learn import container_packages
from stagemaker.installation import installed_version, missing_packages, required_packages
from stagemaker.text import format_size


def check_python() -> Check:
    """Which Python this is. Programs do not start in one that is not supported."""
    return Check("Python", OK, f"{platform.python_version()}, {sys.executable}")


def check_container_packages(remedy: Remedy) -> Check:
    required = container_packages()
    installed = {name: installed_version(name) or "no version" for name in required}
    different = {name: version for name, version in installed.items() if version != required[name]}
    if different:
        result = "; ".join(f"{name}: {version} instead of {required[name]}" for name, version in different.items())
        cost = "Scripts that you run by hand may train, load or score differently."
        return Check("container", NOTE, result, cost, remedy(*different))
    return Check("container", OK, f"{len(required)} packages at the container's versions")


def check_packages(remedy: Remedy, distributions: Iterable[str]) -> Check:
    required = required_packages(distributions)
    if not required:
        cost = "It is not known which packages are needed."
        return Check("packages", NOTE, "this program runs from its source and is not installed", cost, remedy())
    if missing := missing_packages(required):
        cost = "The commands that import these end with an error."
        return Check("packages", FAIL, f"not installed: {', '.join(missing)}", cost, remedy(*missing))
    return Check("packages", OK, f"all {len(required)} that are needed")


def check_images(compiler: Check) -> Check:
    """Where the packages of each image are, and what each environment takes on the disk. compiler: its check.

    Without the packages of the newest scikit-learn image, jobs cannot run.
    """
    problems = {packages: _problem(packages, compiler) for packages in package_sets()}
    results = [f"{packages.name}: {_describe(packages, problem)}" for packages, problem in problems.items()]
    needed = [packages.folder for packages in problems]
    for folder in environments():
        if folder not in needed or not (folder / READY).exists():
            what = "incomplete" if folder in needed else "not needed"
            results.append(f"{folder}: {what}, {format_size(size_of(folder))}")
    reasons = "; ".join(filter(None, problems.values()))
    if not reasons:
        return Check("images", OK, "; ".join(results))
    level = FAIL if next(iter(problems.values())) else NOTE
    return Check("images", level, "; ".join(results), "Jobs with the images that cannot be made fail.", reasons)


def _problem(packages: PackageSet, compiler: Check) -> str:
    if packages.find():
        return ""
    return packages.problem() or ("" if compiler.level == OK else compiler.fix)


def _describe(packages: PackageSet, problem: str) -> str:
    kept = f"{format_size(size_of(packages.folder))} in {packages.folder}" if packages.folder.exists() else ""
    if packages.is_here:
        return "this environment" + (f", and {kept}" if kept else "")
    if packages.find():
        return kept
    return "cannot be made" if problem else "made before its first job"
