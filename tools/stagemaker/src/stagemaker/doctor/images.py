"""A check of the Python environments for images, including environments that are no longer needed."""

from stagemaker.doctor.result import FAIL, NOTE, OK, Check
from stagemaker.images.catalogue import package_sets
from stagemaker.images.kept_environments import environments, size_of
from stagemaker.images.package_set import READY, PackageSet
from stagemaker.text import format_size


def check_images(compiler: Check) -> Check:
    """Report where each image's packages are, and the size of each environment. compiler: the compiler check's result.

    Fails only if the packages of the newest scikit-learn image are missing and cannot be installed.
    """
    problems = {packages: _problem(packages, compiler) for packages in package_sets()}
    results = [f"{packages.name}: {_format_location(packages, problem)}" for packages, problem in problems.items()]
    needed = [packages.folder for packages in problems]
    for folder in environments():
        if folder not in needed or not (folder / READY).exists():
            state = "incomplete" if folder in needed else "not needed"
            results.append(f"{folder}: {state}, {format_size(size_of(folder))}")
    reasons = "; ".join(filter(None, problems.values()))
    if not reasons:
        return Check("images", OK, "; ".join(results))
    level = FAIL if next(iter(problems.values())) else NOTE
    return Check("images", level, "; ".join(results), "Jobs whose environment cannot be created will fail.", reasons)


def _problem(packages: PackageSet, compiler: Check) -> str:
    if packages.find():
        return ""
    return packages.problem() or ("" if compiler.level == OK else compiler.fix)


def _format_location(packages: PackageSet, problem: str) -> str:
    existing = f"{format_size(size_of(packages.folder))} in {packages.folder}" if packages.folder.exists() else ""
    if packages.is_installed:
        return "the current environment" + (f", and {existing}" if existing else "")
    if packages.find():
        return existing
    return "cannot be created" if problem else "will be created before its first job"
