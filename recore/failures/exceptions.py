"""Finds the last exception in a program's output: its type, its message and its place in the submission.

Reads everything that Python prints for an uncaught exception: chains, groups, syntax errors, messages of several lines,
and tracebacks that libraries put into a message. Any text can be read, and each line is read once.
"""

import re
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

LINE_LENGTH = 2000  # characters of a line that are read
FRAMES = 200  # deepest frames of a traceback that are kept
DEPTH = 10  # of nested groups
# a traceback without a place in the submission that follows an exception within these lines is part of its message
NESTED_LINES = 200
# with --isolation off, each job has a folder instead of /opt, and each container of a model one below it
JOB_FOLDER = r"/job-[0-9a-f]{12}(?:/instance-\d+/container-\d+)?"
# where the scripts of a job are
JOB = re.compile(rf"(?:^/opt|{JOB_FOLDER})/ml/(?:code|model/code|processing/input/code)/(?P<name>.+)$")

HEADER = re.compile(r"(?:Exception Group )?Traceback \(most recent call last\)")
FRAME = re.compile(r' +File "(?P<path>.+)", line (?P<line>\d{1,9})(?:, in (?P<function>.+))?$')
TYPE = re.compile(r"(?P<type>[^\W\d][\w.<>]*)(?:(?P<colon>: ?)(?P<message>.*))?$")
CHAINED = (
    "During handling of the above exception, another exception occurred:",
    "The above exception was the direct cause of the following exception:",
)
SYNTAX = ("SyntaxError", "IndentationError", "TabError")  # printed without a header
GROUP = re.compile(r" +\+ Exception Group Traceback \(most recent call last\)")
DIVIDER = re.compile(r" +\+(?:-\+)?-+ (?:\d+|\.\.\.) -+$")  # between the exceptions of a group
MARGIN = re.compile(r" +[|+] ?")


@dataclass(frozen=True)
class Frame:
    """A frame of a traceback. name: of the file within the submission, empty for a library's file."""

    path: str
    line: int
    function: str
    name: str

    def __str__(self) -> str:
        place = f"{self.name or self.path}, line {self.line}"
        return f"{place}, in {self.function}" if self.function else place


@dataclass
class LoggedException:
    """An exception as it was printed.

    message: its first line that is not empty. frames: the deepest ones. nested: the first exception of a group, or the
    one in the message. following_lines: how many lines with letters or digits follow it.
    """

    type: str = ""
    message: str = ""
    frames: deque[Frame] = field(default_factory=lambda: deque(maxlen=FRAMES))
    nested: "LoggedException | None" = None
    following_lines: int = 0

    @property
    def places(self) -> list[Frame]:
        """The frames in the submission's files, those of the nested exception last."""
        return [frame for frame in self.frames if frame.name] + (self.nested.places if self.nested else [])

    @property
    def place(self) -> Frame | None:
        """The deepest frame in the submission's files, of the nested exception if it has one."""
        return self.places[-1] if self.places else None

    @property
    def innermost(self) -> "LoggedException":
        """The exception that says what went wrong: the innermost nested one, or this one."""
        return self.nested.innermost if self.nested else self

    @property
    def head(self) -> str:
        """The type and the message."""
        text = f"{self.type}: {self.message}" if self.message else self.type
        return f"{text.rstrip('.:')}: {self.nested.head}" if self.nested else text

    def __str__(self) -> str:
        return f"{self.head} ({self.place})" if self.place else self.head


def find_exception(text: str, folder: Path | None = None) -> LoggedException | None:
    """The last exception in a program's output; of a chain, the last one with a place in the submission.

    folder: of the submission's files; by default, the folders of jobs.
    """
    reader = _Reader(re.compile(rf"^{re.escape(str(folder.resolve()))}/(?P<name>.+)$") if folder else JOB)
    for line in text.split("\n"):
        reader.read(line[:LINE_LENGTH].rstrip("\r"))
    return reader.last_exception()


class _Reader:
    """Reads a program's output line by line and keeps the last chain of exceptions."""

    def __init__(self, submission: re.Pattern[str]):
        self._submission = submission  # matches the paths of its files
        self._chain: list[LoggedException] = []
        self._current: LoggedException | None = None  # the one whose frames or message are being read
        self._headless = False  # whether the current one has no header, which only a syntax error may lack
        self._message_pending = False  # whether its message begins on a later line
        self._chained = False  # whether a line said that the next exception belongs to the one before
        self._in_group = False
        self._in_members = False  # within the exceptions of the group

    def read(self, line: str) -> None:
        if GROUP.match(line):
            self._in_members = self._in_group and self._in_members
            self._in_group = True
        elif self._in_group and not line.startswith(" "):
            self._in_group = self._in_members = False
        if self._in_group:
            if DIVIDER.match(line):
                self._in_members = True
                self._current = LoggedException()
                return
            line = MARGIN.sub("", line, count=1)
        if HEADER.match(line):
            if not (self._in_members and self._current and not self._current.frames and not self._current.type):
                self._current = LoggedException()
            self._headless = self._message_pending = False
        elif line.strip() in CHAINED:
            self._chained = True
        elif self._current is not None and not self._current.type:
            self._read_traceback(self._current, line)
        elif self._current is not None and self._message_pending:
            self._current.message = line.strip()
            self._message_pending = not self._current.message
        elif (frame := FRAME.match(line)) and not frame["function"]:
            self._current, self._headless = LoggedException(), True
            self._current.frames.append(self._frame(frame))
        elif self._chain and any(map(str.isalnum, line)):
            self._chain[-1].following_lines += 1

    def _read_traceback(self, current: LoggedException, line: str) -> None:
        """A line between an exception's header and its type."""
        if frame := FRAME.match(line):
            current.frames.append(self._frame(frame))
        elif line[:1] in ("", " ", "\t"):
            return
        elif (named := TYPE.match(line)) and (not self._headless or named["type"] in SYNTAX):
            current.type = named["type"]
            current.message = (named["message"] or "").strip()
            self._message_pending = bool(named["colon"]) and not current.message
            self._keep(current)
        else:
            self._current = None

    def _keep(self, exception: LoggedException) -> None:
        """Add an exception whose type is known to its chain."""
        chained, self._chained = self._chained, False
        last = self._chain[-1] if self._chain else None
        if last and self._in_members:
            group, depth = last, 0  # only the first exception of a group is kept
            while group.nested:
                group, depth = group.nested, depth + 1
            if group is last or (group.type.endswith("ExceptionGroup") and depth < DEPTH):
                group.nested = exception
        elif last and not chained and not exception.place and last.place and last.following_lines < NESTED_LINES:
            last.nested = last.nested or exception
            last.following_lines = 0
        elif last and chained:
            self._chain.append(exception)
        else:
            self._chain = [exception]

    def _frame(self, line: re.Match[str]) -> Frame:
        within = self._submission.search(line["path"])
        name = within["name"] if within and "site-packages/" not in within["name"] else ""
        return Frame(line["path"], int(line["line"]), line["function"] or "", name)

    def last_exception(self) -> LoggedException | None:
        """The exception that ended the program: of the last chain, the last one with a place in the submission."""
        if not self._chain:
            return None
        placed = [exception for exception in self._chain if exception.place]
        exception = placed[-1] if placed else self._chain[-1]
        exception.following_lines = self._chain[-1].following_lines
        return exception
