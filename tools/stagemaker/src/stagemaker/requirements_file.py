"""Read a requirements.txt, line by line, as pip does."""

import codecs
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from packaging.markers import UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

COMMENT = re.compile(r"(^|\s+)#.*$")
ADDRESS = re.compile(r"(?P<scheme>[a-z][a-z+]*):(?://|(?<=file:))", re.I)
ARCHIVES = (".whl", ".zip", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar")
HASH = "--hash="
OPTION_LINES = ("--require-hashes", "--pre", "--prefer-binary")  # supported; jobs install wheels from the index


@dataclass(frozen=True)
class RequirementLine:
    """A line that is neither empty nor a comment.

    number: the line number; for joined lines, the first number. spec: a requirement, path or URL; empty if the line has
    only options. options: the options, such as `--hash=sha256:...`.
    """

    number: int
    spec: str
    options: tuple[str, ...] = ()

    @cached_property
    def requirement(self) -> Requirement | None:
        """The parsed requirement; None for a path, a URL without a name, an option or an invalid line."""
        try:
            return Requirement(self.spec)
        except (InvalidRequirement, RecursionError):
            return None

    @property
    def name(self) -> str:
        """The normalised name of the package, or an empty string."""
        return canonicalize_name(self.requirement.name) if self.requirement else ""

    @property
    def applies(self) -> bool:
        """Whether the requirement's markers match this platform and Python, which jobs also use."""
        if self.requirement is None or self.requirement.marker is None:
            return True
        try:
            return self.requirement.marker.evaluate()
        except (UndefinedComparison, UndefinedEnvironmentName):
            return True

    @cached_property
    def kind(self) -> str:
        """The kind: package (a name on the index), path, address (URL of a file or repository), option or invalid."""
        if not self.spec:
            return "option"
        address = ADDRESS.match((self.requirement.url or "") if self.requirement else self.spec)
        if address:
            return "path" if address["scheme"].lower() == "file" else "address"
        if self.spec.endswith(ARCHIVES) or (self.requirement and self.requirement.url):
            return "path"
        if self.requirement:
            return "package"
        return "path" if self.spec.startswith(".") or "/" in self.spec else "invalid"

    @property
    def has_hash(self) -> bool:
        return any(option.startswith(HASH) for option in self.options)

    @property
    def unsupported_options(self) -> list[str]:
        """The unsupported options. A package's line may have only --hash; other options need separate lines."""
        if self.kind == "package":
            return [option for option in self.options if not option.startswith(HASH)]
        return [option for option in self.options if self.spec or option not in OPTION_LINES]

    def __str__(self) -> str:
        return " ".join([self.spec, *self.options]).strip()


def read_requirements(content: bytes) -> list[RequirementLine]:
    """Return the lines with requirements or options. Variables such as ${NAME} are not expanded: jobs define none."""
    lines = []
    for number, line in _join_lines(_decode(content).splitlines()):
        words = COMMENT.sub("", line).strip().split(" ")
        first_option = next((index for index, word in enumerate(words) if word.startswith("-")), len(words))
        spec, options = " ".join(words[:first_option]).strip(), " ".join(words[first_option:])
        if spec or options:
            lines.append(RequirementLine(number, spec, _split_options(options)))
    return lines


def _join_lines(lines: list[str]) -> Iterator[tuple[int, str]]:
    joined_line, start = "", 0
    for index, line in enumerate(lines, 1):
        is_comment = COMMENT.match(line) is not None
        start = start or index
        if line.endswith("\\") and not is_comment:
            joined_line += line.strip("\\")
            continue
        yield start, joined_line + (" " if is_comment else "") + line
        joined_line, start = "", 0
    if joined_line:
        yield start, joined_line


def _split_options(options: str) -> tuple[str, ...]:
    options = re.sub(r"(^| )--hash +", r"\1--hash=", options)
    try:
        return tuple(shlex.split(options))
    except ValueError:  # a quotation mark is not closed
        return tuple(options.split())


def _decode(content: bytes) -> str:
    """Decode UTF-16 if there is a byte-order mark, otherwise UTF-8."""
    is_utf_16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if is_utf_16 else "utf-8-sig", "replace")
