"""Find the last exception in a program's output: its type, its message and its location in the submission.

Supports everything that Python prints for an uncaught exception: chains, groups, syntax errors, multi-line messages,
and tracebacks that libraries put into a message. Any output can be parsed, in linear time.
"""

import re
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

LINE_LENGTH = 2000  # characters of a line that are read
FRAMES = 1 << 17  # characters at the end of a traceback whose frames are kept
DEPTH = 10  # maximum depth of nested groups
# a traceback outside the submission that follows an exception within these lines is part of the exception's message
NESTED_LINES = 200
# with --isolation off, each job has a folder instead of /opt, and each container of a model a subfolder of it
JOB_FOLDER = r"/job-[0-9a-f]{12}(?:/(?:instance|servers)-\d+/container-\d+)?"
# paths of the scripts of a job
JOB = re.compile(rf"(?:^/opt|{JOB_FOLDER})/ml/(?:code|model/code|processing/input/code)/(?P<name>.+)$")

START = re.compile(r"(?:Exception Group )?Traceback \(most recent call last\):$")
HEADER = r"(?:Exception Group )?Traceback \(most recent call last\).*\n"
FRAME = re.compile(r'^ +File "(?P<path>.+)", line (?P<line>\d{1,9})(?:, in (?P<function>.+))?$', re.M)
CHAIN_LINES = (
    r"(?:During handling of the above exception, another exception occurred"
    r"|The above exception was the direct cause of the following exception):$"
)
# the message is the first line that is not empty
TYPE = rf"(?P<type>[^\W\d][\w.<>]*)(?::\s*(?P<message>(?!{HEADER}|{CHAIN_LINES}).*))?$"
# Python prints such errors without a header
SYNTAX = r' +File ".+", line \d+\n(?:[ \t].*\n){0,3}(?=(?:Syntax|Indentation|Tab)Error\b)'
# precedes each exception of a group; exceptions that were never raised have no header
DIVIDER = r" +\+(?:-\+)?-+ (?:\d+|\.\.\.) -+\n"
TRACEBACK = rf"{HEADER}(?:[ \t].*\n|\n)*+"
MEMBER = re.compile(rf"^(?:(?:{DIVIDER})?{TRACEBACK}|{DIVIDER}){TYPE}", re.M)  # also matches the group itself
GROUP = rf"(?P<group> +\+ {HEADER}(?: +[|+].*(?:\n|\Z))*+)"
EXCEPTION = re.compile(rf"^(?:{GROUP}|(?:{TRACEBACK}|{SYNTAX}){TYPE})", re.M)
MARGIN = re.compile(r"^ +(?:\| ?|\+ )", re.M)


@dataclass(frozen=True)
class Frame:
    """A frame of a traceback. name: the file's name in the submission, or "" for a library's file."""

    path: str
    line: int
    function: str
    name: str

    def __str__(self) -> str:
        location = f"{self.name or self.path}, line {self.line}"
        return f"{location}, in {self.function}" if self.function else location


@dataclass
class LoggedException:
    """An exception as it was printed.

    message: the message's first non-empty line. frames: the deepest frames. nested: the first exception in a group, or
    the exception in the message. following_lines: the number of output lines after it that contain letters or digits.
    """

    type: str = ""
    message: str = ""
    frames: list[Frame] = field(default_factory=list)
    nested: "LoggedException | None" = None
    following_lines: int = 0

    @property
    def locations(self) -> list[Frame]:
        """The frames in the submission's files, the nested exception's frames last."""
        return [frame for frame in self.frames if frame.name] + (self.nested.locations if self.nested else [])

    @property
    def location(self) -> Frame | None:
        """The deepest frame in the submission's files, preferably the nested exception's."""
        return self.locations[-1] if self.locations else None

    @property
    def root_cause(self) -> "LoggedException":
        """The exception that states the cause: the innermost nested one, or this one."""
        return self.nested.root_cause if self.nested else self

    @property
    def head(self) -> str:
        """The types and messages of this and the nested exceptions."""
        head = f"{self.type}: {self.message}" if self.message else self.type
        return f"{head.rstrip('.:')}: {self.nested.head}" if self.nested else head

    def __str__(self) -> str:
        return f"{self.head} ({self.location})" if self.location else self.head


def find_exception(output: str, folder: Path | None = None) -> LoggedException | None:
    """Find the last exception in a program's output; in a chain, the last one with a location in the submission.

    folder: the submission's folder; by default, any job's folder.
    """
    submission = re.compile(rf"^{re.escape(str(folder.resolve()))}/(?P<name>.+)$") if folder else JOB
    output = "\n".join(_shorten(line.rstrip("\r")) for line in output.split("\n"))
    chain: list[LoggedException] = []
    end = 0  # end of the last exception
    for match in EXCEPTION.finditer(output):
        exception = _read_group(match["group"], submission) if match["group"] else _read_exception(match, submission)
        if exception is None:
            continue
        between, end = output[end : match.start()], match.end()
        last = chain[-1] if chain else None
        if last and re.search(f"^{CHAIN_LINES}", between, re.M):
            chain.append(exception)
        elif last and last.location and not exception.location and _count_lines(between) < NESTED_LINES:
            last.nested = last.nested or exception
        else:
            chain = [exception]
    if not chain:
        return None
    exception = next((exception for exception in reversed(chain) if exception.location), chain[-1])
    exception.following_lines = _count_lines(output[end:])
    return exception


def _shorten(line: str) -> str:
    """Truncate a line, and split it if a traceback begins within it, for example after a prompt."""
    header = START.search(line)
    if not header or not line[: header.start()].strip() or line.lstrip().startswith(("|", "+")):
        return line[:LINE_LENGTH].rstrip("\r")
    return f"{line[: min(header.start(), LINE_LENGTH)]}\n{header[0]}"


def _read_exception(match: re.Match[str], submission: re.Pattern[str]) -> LoggedException:
    """Parse a match of EXCEPTION or MEMBER. submission: a pattern for the paths of the submission's files."""
    exception = LoggedException(match["type"], (match["message"] or "").strip())
    for frame in FRAME.finditer(match.string, max(match.start(), match.end() - FRAMES), match.end()):
        submission_match = submission.search(frame["path"])
        name = submission_match["name"] if submission_match and "site-packages/" not in submission_match["name"] else ""
        exception.frames.append(Frame(frame["path"], int(frame["line"]), frame["function"] or "", name))
    return exception


def _read_group(output: str, submission: re.Pattern[str]) -> LoggedException | None:
    """Return an exception group with its first member, which can itself be a group with a first member."""
    group = root_cause = None
    for match in islice(MEMBER.finditer(MARGIN.sub("", output)), DEPTH):
        exception = _read_exception(match, submission)
        if root_cause is None:
            group = root_cause = exception
        elif root_cause is group or root_cause.type.endswith("ExceptionGroup"):
            root_cause.nested = root_cause = exception
    return group


def _count_lines(output: str) -> int:
    return sum(any(map(str.isalnum, line)) for line in output.split("\n"))
