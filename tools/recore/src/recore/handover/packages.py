"""The packages that a submission needs, with what they need in turn: exact versions and stated licences."""

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
LONGEST_LICENCE = 60  # characters; what is longer is the text of a licence, not its name
VAGUE = ("", "unknown", "dual license", "license")


@dataclass(frozen=True)
class Package:
    """A package. version: None if it is not installed here. licence: its name, None if the package states none.

    requirement: a line of requirements.txt.
    """

    name: str
    version: str | None
    licence: str | None
    requirement: str


def list_packages(submission: SubmissionFiles, recorded: Mapping[str, str]) -> list[Package]:
    """The packages that the scripts require or import, and those that these need, by name.

    recorded: versions in the run's record. Raises ValueError if another one is installed here.
    """
    if _minor(recorded["python"]) != _minor(platform.python_version()):
        raise ValueError(_different("Python", platform.python_version(), recorded["python"]))
    texts = [(TEMPLATE / REQUIREMENTS).read_bytes(), submission.files.get(REQUIREMENTS, b"")]
    lines = [line for text in texts for line in read_requirements(text)]
    found: dict[str, Package] = {}
    followed: set[tuple[str, str]] = set()  # packages and their extras, "" for none
    waiting = [line.requirement for line in lines if line.requirement and line.applies]
    waiting += map(Requirement, _imported(submission))
    while waiting:
        requirement = waiting.pop(0)
        name = str(canonicalize_name(requirement.name))
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            requirement.marker = None
            found.setdefault(name, Package(name, None, None, str(requirement)))
            continue
        version = distribution.version
        found[name] = Package(name, version, _licence(distribution), f"{name}=={version}")
        for extra in {"", *requirement.extras} - {extra for package, extra in followed if package == name}:
            followed.add((name, extra))
            waiting += _required(distribution.requires or (), extra)
    for each, version in recorded.items():
        package = found.get(canonicalize_name(each))
        if package and package.version != version:
            raise ValueError(_different(each, package.version or "(none)", version))
    return [found[name] for name in sorted(found)]


def write_requirements(packages: Iterable[Package]) -> str:
    lines = ["# Exact versions of the packages that the submission needs, as installed where this page was written."]
    if missing := [each.name for each in packages if each.version is None]:
        lines.append(f"# Not installed there, and so as the submission requires them: {', '.join(missing)}")
    return "\n".join([*lines, *(each.requirement for each in packages)]) + "\n"


def _minor(version: str) -> list[str]:
    return version.split(".")[:2]


def _different(name: str, here: str, recorded: str) -> str:
    return (
        f"{name} {here} is installed here, but the run used {plain(recorded)}: write the hand-over with the "
        "environment of the run"
    )


def _required(lines: Iterable[str], extra: str) -> list[Requirement]:
    requirements = []
    for line in lines:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:  # in the metadata of an old package
            continue
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            requirements.append(requirement)
    return requirements


def _imported(submission: SubmissionFiles) -> list[str]:
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
    own = {name.partition("/")[0].removesuffix(".py") for name in submission.files}
    distributions = metadata.packages_distributions()
    return [
        each
        for module in modules - own - sys.stdlib_module_names
        for each in distributions.get(module, [])
        if each != "recore"
    ]


def _licence(distribution: metadata.Distribution) -> str | None:
    fields = distribution.metadata
    names = [fields.get("License-Expression", ""), fields.get("License", "")]
    classifiers = [each for each in fields.get_all("Classifier", []) if each.startswith("License ::")]
    names.append(", ".join(each.rpartition(" :: ")[2] for each in classifiers))
    for name in map(str.strip, names):
        if name.lower() not in VAGUE and len(name) <= LONGEST_LICENCE and "\n" not in name:
            return plain(name)
    return None
