"""The end of a job's log, without the lines of the toolkits and of the server around the script."""

import os
import re
from pathlib import Path

from recore.failures.exceptions import find_exception
from recore.text import plain

LINES = 15  # the number of lines that are shown
TAIL = 1 << 16  # bytes of a log that are searched for these lines
LONG_TAIL = 1 << 20  # bytes of a log that are searched for an exception

# the training toolkit writes this line after its whole environment and before the command that runs the script
STARTS = "Invoking script with the following command:"
TOOLKIT = re.compile(
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} sagemaker[-_]\S+ +[A-Z]+ "  # SageMaker's toolkits
    r"|\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [-+]\d{4}\] \[\d+\] \[(?:INFO|DEBUG)\] "  # gunicorn
    r"|Requirement already satisfied: "
)
ERROR_DETAIL = re.compile(r"ExitCode -?\d+$|ErrorMessage \"|Command \"")  # follows ExecuteUserScriptError


def last_lines(log: Path) -> list[str]:
    """The last lines that a job's script printed, without those of the toolkit, each fit for a terminal.

    There are none if the job has no log.
    """
    return [plain(line) for line in script_lines(read_end(log, TAIL))[-LINES:]]


def last_error(output: str) -> str:
    """The last exception in a program's output, or else its last line, fit for a terminal; empty without output."""
    lines = output.split("\n") if (output := output.strip()) else [""]
    return plain(str(find_exception(output) or lines[-1]))


def read_end(log: Path, size: int = LONG_TAIL) -> str:
    """The end of a log, from the beginning of a line if it has several; empty if there is no such file."""
    if not log.is_file():
        return ""
    with open(log, "rb") as file:
        start = max(0, file.seek(0, os.SEEK_END) - size)
        file.seek(start)
        text = file.read().decode("utf-8", "replace")
    whole_lines = text.partition("\n")[2]
    return whole_lines if start and whole_lines else text


def script_lines(text: str) -> list[str]:
    """The lines of a log that the script itself wrote, judged by their form."""
    _, starts, text = f"\n{text}\n".rpartition(f"\n{STARTS}\n")
    lines = text.strip().split("\n")[1:] if starts else text.split("\n")  # without the command
    kept: list[str] = []
    failed = False  # whether the line before belongs to the toolkit's report of a failed script
    for line in lines:
        if TOOLKIT.match(line):
            failed = "ExecuteUserScriptError" in line
        elif not (failed and ERROR_DETAIL.match(line)):
            failed = False
            kept.append(line)
    printed = [number for number, line in enumerate(kept) if line.strip()]
    return kept[printed[0] : printed[-1] + 1] if printed else []
