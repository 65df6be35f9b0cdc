"""Read a requirements.txt, line by line, and write its supported lines anew for pip.

pip never gets the file's own text, because its syntax is wider than the supported part: a version could be a path, and
a quoted hash could contain an option.
"""

import codecs
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from packaging.markers import UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

COMMENT = re.compile(r"(^|\s+)#.*$")
ADDRESS = re.compile(r"(?P<scheme>[a-z][a-z+]*):(?://|(?<=file:))", re.I)
# pip takes a requirement with such an end for a file if there is one of this name
ARCHIVE = re.compile(r"\.(whl|zip|tar|tgz|tbz|txz|tlz|tar\.\w+)$", re.I)
FILE_NAME = re.compile(rf"[\w.+!-]+{ARCHIVE.pattern}", re.I)
VERSION = re.compile(r"[=<>!~]=")
PATH = re.compile(r"(?i:file:)?[^\x00-\x1f\x7f:$\\]+")
MARKER = re.compile(r'(?!.* -)[\w.,*+!<>=~"() -]*', re.ASCII)  # without strings in which pip would look for an option
HASH = re.compile(r"--hash=(sha256|sha384|sha512):[0-9a-fA-F]+")
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
        parsed = _parse(self.spec)
        return parsed if parsed is None or parsed.url else _parse(_write(parsed))  # as pip will read it

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
        if address and address["scheme"].lower() != "file":
            return "address"
        if self.requirement and not self.requirement.url:
            return "package"
        path = (self.requirement.url or "") if self.requirement else self.spec
        is_path = path.lower().startswith((".", "file:")) or "/" in path or FILE_NAME.fullmatch(path)
        return "path" if is_path and PATH.fullmatch(path) and not VERSION.search(path) else "invalid"

    @property
    def has_hash(self) -> bool:
        return any(HASH.fullmatch(option) for option in self.options)

    @property
    def unsupported_options(self) -> list[str]:
        """The unsupported options. A package's line may have only --hash; other options need separate lines."""
        if self.kind == "package":
            return [option for option in self.options if not HASH.fullmatch(option)]
        return [option for option in self.options if self.spec or option not in OPTION_LINES]

    @property
    def for_pip(self) -> str:
        """The line for pip's --requirement, written from the parsed parts.

        Raises ValueError if the line is neither a package of the index nor supported options.
        """
        if self.kind not in ("package", "option") or self.unsupported_options:
            raise ValueError(f"line {self.number} is neither a package from the index nor a supported option")
        return " ".join([str(self.requirement or ""), *self.options]).strip()

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


def _parse(spec: str) -> Requirement | None:
    try:
        return Requirement(spec)
    except (InvalidRequirement, RecursionError):
        return None


def _is_version(text: str) -> bool:
    """Return whether a string is a version of PEP 440; after the operator ===, any text can stand."""
    try:
        Version(text)
    except InvalidVersion:
        return False
    return text.isascii()


def _write(requirement: Requirement) -> str:
    """Return a requirement that has only one meaning, or an empty string if it could have another one for pip."""
    package = requirement.name + str(requirement.specifier)
    versions = [specifier.version for specifier in requirement.specifier if specifier.operator == "==="]
    if not all(map(_is_version, versions)) or any(map(ARCHIVE.search, (requirement.name, package))):
        return ""
    return str(requirement) if MARKER.fullmatch(str(requirement.marker or "")) else ""


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
