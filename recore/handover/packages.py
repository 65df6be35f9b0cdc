"""The packages that a submission needs, with what they need in turn: exact versions and stated licences."""

import ast
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import metadata

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from recore.distribution import TEMPLATE
from recore.evaluation import SubmissionFiles
from recore.text import plain

REQUIREMENTS = "requirements.txt"
LONGEST_LICENCE = 60  # characters; what is longer is the text of a licence, not its name
VAGUE = ("", "unknown", "dual license", "license")


@dataclass(frozen=True)
class Package:
    """A package. version: None if it is not installed here. licence: its name, None if the package states none."""

    name: str
    version: str | None
    licence: str | None


def list_packages(submission: SubmissionFiles, recorded: Mapping[str, str]) -> list[Package]:
    """The packages that the scripts require or import, and those that these need, by name.

    recorded: versions in the run's record. Raises ValueError if another version of one of them is installed here: it
    would not be that of the run.
    """
    texts = [(TEMPLATE / REQUIREMENTS).read_bytes(), submission.files.get(REQUIREMENTS, b"")]
    found: dict[str, Package] = {}
    waiting = [name for text in texts for name in _required(text.decode("utf-8", "replace").splitlines())]
    waiting += _imported(submission)
    while waiting:
        name = str(canonicalize_name(waiting.pop()))
        if name in found:
            continue
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            found[name] = Package(name, None, None)
            continue
        found[name] = Package(name, distribution.version, _licence(distribution))
        waiting += _required(distribution.requires or ())
    for each, version in recorded.items():
        package = found.get(canonicalize_name(each))
        if package and package.version != version:
            raise ValueError(
                f"{each} {package.version or '(none)'} is installed here, but the run used {version}: "
                "write the hand-over with the environment of the run"
            )
    return [found[name] for name in sorted(found)]


def write_requirements(packages: Iterable[Package]) -> str:
    """The text of a requirements.txt with exact versions."""
    lines = ["# What the run's environment held of what the submission needs, at exactly these versions."]
    lines += [f"{each.name}=={each.version}" if each.version else each.name for each in packages]
    return "\n".join(lines) + "\n"


def _required(lines: Iterable[str]) -> list[str]:
    """The names in requirements that apply to this Python, without those of optional extras."""
    names = []
    for line in lines:
        text = re.split(r"(?:^|\s)#", line)[0].strip()
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue  # empty, a comment or an option of pip
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            names.append(requirement.name)
    return names


def _imported(submission: SubmissionFiles) -> list[str]:
    """The installed packages that the submission's files import."""
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
    """The licence that the metadata state: the SPDX expression, else the name, else the classifiers."""
    fields = distribution.metadata
    names = [fields.get("License-Expression", ""), fields.get("License", "")]
    classifiers = [each for each in fields.get_all("Classifier", []) if each.startswith("License ::")]
    names.append(", ".join(each.rpartition(" :: ")[2] for each in classifiers))
    for name in map(str.strip, names):
        if name.lower() not in VAGUE and len(name) <= LONGEST_LICENCE and "\n" not in name:
            return plain(name)
    return None
