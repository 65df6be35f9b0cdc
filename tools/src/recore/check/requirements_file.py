"""A submission's requirements.txt, line by line, as a training job's pip reads it."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import packages_distributions

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from recore.check.container import VERSIONS, modules_of
from recore.failures import DISTRIBUTIONS
from stagemaker import decode_requirements


@dataclass(frozen=True)
class RequirementLine:
    """A line that asks for something. requirement: None if it is not a package of the index by its name."""

    line: int
    text: str
    requirement: Requirement | None

    @property
    def name(self) -> str:
        """The normalised name of the package, or an empty text."""
        return canonicalize_name(self.requirement.name) if self.requirement else ""

    @property
    def is_local(self) -> bool:
        """Whether it is a package that lies in the submission."""
        return self.text.startswith((".", "/", "file:"))

    @property
    def applies(self) -> bool:
        """Whether it is for this platform. Markers are evaluated here: jobs run on the same Python."""
        return self.requirement is None or self.requirement.marker is None or self.requirement.marker.evaluate()


def read_requirements(content: bytes) -> list[RequirementLine]:
    """The lines that ask for something, without comments; a line that ends in a backslash goes on in the next one."""
    lines = []
    for number, line in join_lines(decode_requirements(content)):
        stripped = "" if line.lstrip().startswith("#") else line.partition(" #")[0].strip()
        if stripped:
            lines.append(RequirementLine(number, stripped, _parse(stripped)))
    return lines


def join_lines(text: str, between: str = "") -> Iterator[tuple[int, str]]:
    """Yield the lines of a text, each with its number. One that ends with a backslash is joined with the next.

    between: the text that replaces the backslash.
    """
    joined, start = "", 0
    for number, line in enumerate([*text.splitlines(), ""], 1):
        joined, start = joined + line, start or number
        if joined.endswith("\\"):
            joined = joined[:-1] + between
            continue
        yield start, joined
        joined, start = "", 0


def _parse(text: str) -> Requirement | None:
    try:
        return Requirement(text)
    except (InvalidRequirement, RecursionError):
        return None


def provided_modules(lines: list[RequirementLine]) -> tuple[set[str], list[str]]:
    """The top-level modules that the lines provide, and the packages whose modules are not known here."""
    installed: dict[str, set[str]] = {}
    for module, distributions in packages_distributions().items():
        for distribution in distributions:
            installed.setdefault(canonicalize_name(distribution), set()).add(module)
    for module, distribution in DISTRIBUTIONS.items():
        installed.setdefault(canonicalize_name(distribution), set()).add(module)
    modules: set[str] = set()
    unknown = []
    for line in lines:
        modules.add(line.name.replace("-", "_"))
        if line.name in VERSIONS:
            modules |= set(modules_of(line.name))
        elif line.name in installed:
            modules |= installed[line.name]
        else:
            unknown.append(line.name or line.text)
    return modules, unknown
