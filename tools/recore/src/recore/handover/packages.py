"""List a submission's packages and their dependencies with exact versions and stated licences."""

import ast
import platform
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import metadata

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from recore.distribution import TEMPLATE
from recore.evaluation import SubmissionFiles
from recore.text import plain
from stagemaker import read_requirements

REQUIREMENTS = "requirements.txt"
MAX_LICENCE_NAME = 60  # characters; longer values are the licence text, not its name
VAGUE_LICENCES = ("", "unknown", "dual license", "license")


@dataclass(frozen=True)
class Package:
    """A package. version: None if it is not installed. licence: the licence's name, or None if none is stated.

    requirement: the package's line in requirements.txt.
    """

    name: str
    version: str | None
    licence: str | None
    requirement: str


def list_packages(submission: SubmissionFiles, recorded: Mapping[str, str]) -> list[Package]:
    """Return the packages that the scripts require or import, and their dependencies, sorted by name.

    recorded: the versions in the run's record. Raises ValueError if a different version is installed.
    """
    if _minor(recorded["python"]) != _minor(platform.python_version()):
        raise ValueError(_format_difference("Python", platform.python_version(), recorded["python"]))
    contents = [(TEMPLATE / REQUIREMENTS).read_bytes(), submission.files.get(REQUIREMENTS, b"")]
    lines = [line for content in contents for line in read_requirements(content)]
    packages: dict[str, Package] = {}
    visited: set[tuple[str, str]] = set()  # packages and their extras, "" for none
    queue = [line.requirement for line in lines if line.requirement and line.kind == "package" and line.applies]
    queue += map(Requirement, _list_imports(submission))
    while queue:
        requirement = queue.pop(0)
        name = str(canonicalize_name(requirement.name))
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            requirement.marker = None
            packages.setdefault(name, Package(name, None, None, str(requirement)))
            continue
        version = distribution.version
        packages[name] = Package(name, version, _licence(distribution), f"{name}=={version}")
        for extra in {"", *requirement.extras} - {extra for package, extra in visited if package == name}:
            visited.add((name, extra))
            queue += _parse_requirements(distribution.requires or (), extra)
    for each, version in recorded.items():
        package = packages.get(canonicalize_name(each))
        if package and package.version != version:
            raise ValueError(_format_difference(each, package.version or "(none)", version))
    return [packages[name] for name in sorted(packages)]


def write_requirements(packages: Iterable[Package]) -> str:
    lines = ["# Exact versions of the packages that the submission needs, as installed when this file was written."]
    if missing := [each.name for each in packages if each.version is None]:
        lines.append(f"# Not installed then, so listed as the submission requires them: {', '.join(missing)}")
    return "\n".join([*lines, *(each.requirement for each in packages)]) + "\n"


def _minor(version: str) -> list[str]:
    return version.split(".")[:2]


def _format_difference(name: str, installed: str, recorded_version: str) -> str:
    return (
        f"{name} {installed} is installed, but the run used {plain(recorded_version)}; write the handover in the run's "
        "environment"
    )


def _parse_requirements(lines: Iterable[str], extra: str) -> list[Requirement]:
    requirements = []
    for line in lines:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:  # in an old package's metadata
            continue
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            requirements.append(requirement)
    return requirements


def _list_imports(submission: SubmissionFiles) -> list[str]:
    modules: set[str] = set()
    for name, content in submission.files.items():
        if not name.endswith(".py"):
            continue
        try:
            tree = ast.parse(content)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                modules |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                modules.add(node.module.partition(".")[0])
    local_names = {name.partition("/")[0].removesuffix(".py") for name in submission.files}
    distributions = metadata.packages_distributions()
    return [
        each
        for module in modules - local_names - sys.stdlib_module_names
        for each in distributions.get(module, [])
        if each != "recore"
    ]


def _licence(distribution: metadata.Distribution) -> str | None:
    fields = distribution.metadata
    names = [fields.get("License-Expression", ""), fields.get("License", "")]
    classifiers = [each for each in fields.get_all("Classifier", []) if each.startswith("License ::")]
    names.append(", ".join(each.rpartition(" :: ")[2] for each in classifiers))
    for name in map(str.strip, names):
        if name.lower() not in VAGUE_LICENCES and len(name) <= MAX_LICENCE_NAME and "\n" not in name:
            return plain(name)
    return None
