"""The exception that a program printed: its type, its text and where in the submission it was raised.

Understands what Python prints of an exception that nobody caught: chains, groups, syntax errors, messages of several
lines, and the tracebacks that libraries put into a message. The text may be anything; each line is read once.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

CUT = 2000  # characters of a line that are read
FRAMES = 200  # of a traceback that are kept at least, the deepest ones
DEPTH = 10  # of groups within groups
NESTED = 200  # lines after an exception in which a traceback without a place in the submission belongs to its message
# where a job's scripts are; with --isolation off, /opt/ml is a folder of the job's own
JOB = re.compile(r"(?:^/opt|/job-[0-9a-f]{12})/ml/(?:code|model/code|processing/input/code)/(?P<name>.+)$")

HEADER = re.compile(r"(?:Exception Group )?Traceback \(most recent call last\)")
FRAME = re.compile(r' +File "(?P<path>.+)", line (?P<line>\d{1,9})(?:, in (?P<function>.+))?$')
TYPE = re.compile(r"(?P<type>[^\W\d][\w.<>]*)(?:(?P<colon>: ?)(?P<message>.*))?$")
CHAINED = (
    "During handling of the above exception, another exception occurred:",
    "The above exception was the direct cause of the following exception:",
)
SYNTAX = ("SyntaxError", "IndentationError", "TabError")  # Python prints these without a header
GROUP = re.compile(r" +\+ Exception Group Traceback \(most recent call last\)")
DIVIDER = re.compile(r" +\+(?:-\+)?-+ (?:\d+|\.\.\.) -+$")  # between the exceptions of a group
MARGIN = re.compile(r" +[|+] ?")


@dataclass(frozen=True)
class Frame:
    """A line of a traceback. name: of the file within the submission, empty for a file of a library."""

    path: str
    line: int
    function: str
    name: str

    def __str__(self) -> str:
        place = f"{self.name or self.path}, line {self.line}"
        return f"{place}, in {self.function}" if self.function else place


@dataclass
class LoggedException:
    """An exception as it was printed. message: its first line that is not empty. nested: the first one of a group, or
    the one that its message tells of. follow: lines that were printed after it.
    """

    type: str = ""
    message: str = ""
    frames: list[Frame] = field(default_factory=list)
    nested: "LoggedException | None" = None
    follow: int = 0

    @property
    def place(self) -> Frame | None:
        """The deepest place within the submission's own files, of the nested exception where it has one."""
        nested = self.nested.place if self.nested else None
        return nested or next((frame for frame in reversed(self.frames) if frame.name), None)

    @property
    def innermost(self) -> "LoggedException":
        """The exception that says what went wrong: itself, or the nested one."""
        return self.nested.innermost if self.nested else self

    @property
    def files(self) -> set[str]:
        """The submission's files on the way to it."""
        nested = self.nested.files if self.nested else set()
        return nested | {frame.name for frame in self.frames if frame.name}

    @property
    def head(self) -> str:
        """Its type and its message."""
        text = f"{self.type}: {self.message}" if self.message else self.type
        return f"{text.rstrip('.:')}: {self.nested.head}" if self.nested else text

    def __str__(self) -> str:
        return f"{self.head} ({self.place})" if self.place else self.head


def find_exception(text: str, folder: Path | None = None) -> LoggedException | None:
    """The last exception in what a program printed; of a chain, the last one that passed through the submission.

    folder: of the submission's files, by default the folders where jobs have them.
    """
    reader = _Reader(str(folder.resolve()) + "/" if folder else None)
    for line in text.split("\n"):
        reader.read(line[:CUT].rstrip("\r"))
    return reader.chosen()


class _Reader:
    """Reads a program's output line by line, and keeps the last chain of exceptions."""

    def __init__(self, folder: str | None):
        self._folder = folder
        self._chain: list[LoggedException] = []
        self._current: LoggedException | None = None  # whose frames or whose message are being read
        self._headless = False  # the current one has no header, as only a syntax error may
        self._unsaid = False  # its message begins below its first line
        self._joined = False  # a line said that the next exception belongs to the one before
        self._grouped = self._divided = False  # within a group, and within the exceptions that it holds

    def read(self, line: str) -> None:
        if GROUP.match(line):
            self._divided = self._grouped and self._divided
            self._grouped = True
        elif self._grouped and not line.startswith(" "):
            self._grouped = self._divided = False
        if self._grouped:
            if DIVIDER.match(line):
                self._divided = True
                self._current = LoggedException()
                return
            line = MARGIN.sub("", line, count=1)
        if HEADER.match(line):
            if not (self._divided and self._current and not self._current.frames and not self._current.type):
                self._current = LoggedException()
            self._headless = self._unsaid = False
        elif line.strip() in CHAINED:
            self._joined = True
        elif self._current is not None and not self._current.type:
            self._read_traceback(line)
        elif self._current is not None and self._unsaid:
            self._current.message = line.strip()
            self._unsaid = not self._current.message
        elif (frame := FRAME.match(line)) and not frame["function"]:
            self._current, self._headless = LoggedException(frames=[self._frame(frame)]), True
        elif self._chain and any(map(str.isalnum, line)):
            self._chain[-1].follow += 1

    def _read_traceback(self, line: str) -> None:
        """A line between an exception's header and its type."""
        current = self._current
        assert current is not None  # noqa: S101 - asked for by the caller
        if frame := FRAME.match(line):
            current.frames.append(self._frame(frame))
            if len(current.frames) > 2 * FRAMES:
                del current.frames[:FRAMES]
        elif line[:1] in ("", " ", "\t"):
            return
        elif (named := TYPE.match(line)) and (not self._headless or named["type"] in SYNTAX):
            current.type = named["type"]
            current.message = (named["message"] or "").strip()
            self._unsaid = bool(named["colon"]) and not current.message
            self._keep(current)
        else:
            self._current = None

    def _keep(self, exception: LoggedException) -> None:
        """Add an exception, whose type is known, to its chain."""
        joined, self._joined = self._joined, False
        last = self._chain[-1] if self._chain else None
        if last and self._divided:
            group, depth = last, 0  # of the exceptions of a group, the first one is kept
            while group.nested:
                group, depth = group.nested, depth + 1
            if group is last or (group.type.endswith("ExceptionGroup") and depth < DEPTH):
                group.nested = exception
        elif last and not joined and not exception.place and last.place and last.follow < NESTED:
            last.nested = last.nested or exception
            last.follow = 0
        elif last and joined:
            self._chain.append(exception)
        else:
            self._chain = [exception]

    def _frame(self, line: re.Match[str]) -> Frame:
        path = line["path"]
        if self._folder is None:
            within = JOB.search(path)
            name = within["name"] if within else ""
        else:
            name = path.removeprefix(self._folder) if path.startswith(self._folder) else ""
        name = "" if "site-packages/" in name else name
        return Frame(path, int(line["line"]), line["function"] or "", name)

    def chosen(self) -> LoggedException | None:
        """The exception that is the program's end: of the last chain, the last that passed through the submission."""
        if not self._chain:
            return None
        passed = [exception for exception in self._chain if exception.place]
        exception = passed[-1] if passed else self._chain[-1]
        exception.follow = self._chain[-1].follow
        return exception
