"""Read the end of a job's log, without the lines that the toolkits and the server wrote."""

import os
import re
from pathlib import Path

from recore.failures.exceptions import find_exception
from recore.text import plain

LINES = 15  # number of lines that are shown
TAIL = 1 << 16  # bytes of a log that are searched for these lines
LONG_TAIL = 1 << 20  # bytes of a log that are searched for an exception

# the training toolkit writes this line after its environment and before the command that runs the script
SCRIPT_START = "Invoking script with the following command:"
TOOLKIT = re.compile(
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} sagemaker[-_]\S+ +[A-Z]+ "  # SageMaker's toolkits
    r"|\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [-+]\d{4}\] \[\d+\] \[(?:INFO|DEBUG)\] "  # gunicorn
    r"|Requirement already satisfied: "
)
ERROR_DETAIL = re.compile(r"ExitCode -?\d+$|ErrorMessage \"|Command \"")  # follows ExecuteUserScriptError


def last_lines(log: Path) -> list[str]:
    """Return the last lines that a job's script printed, sanitised for a terminal, or [] if the log does not exist."""
    return [plain(line) for line in script_lines(read_end(log, TAIL))[-LINES:]]


def last_error(output: str) -> str:
    """Return the last exception in a program's output, or its last line, sanitised for a terminal."""
    lines = output.split("\n") if (output := output.strip()) else [""]
    return plain(str(find_exception(output) or lines[-1]))


def read_end(log: Path, size: int = LONG_TAIL) -> str:
    """Return the end of a log, without an incomplete first line, or "" if the file does not exist."""
    if not log.is_file():
        return ""
    with open(log, "rb") as file:
        start = max(0, file.seek(0, os.SEEK_END) - size)
        file.seek(start)
        output = file.read().decode("utf-8", "replace")
    complete_lines = output.partition("\n")[2]
    return complete_lines if start and complete_lines else output


def script_lines(output: str) -> list[str]:
    """Return the lines in a log that the script itself wrote, judging by their form."""
    _, starts, output = f"\n{output}\n".rpartition(f"\n{SCRIPT_START}\n")
    lines = output.strip().split("\n")[1:] if starts else output.split("\n")  # skip the command
    script_output: list[str] = []
    failed = False  # whether the previous line belongs to the toolkit's report of a failed script
    for line in lines:
        if TOOLKIT.match(line):
            failed = "ExecuteUserScriptError" in line
        elif not (failed and ERROR_DETAIL.match(line)):
            failed = False
            script_output.append(line)
    printed = [position for position, line in enumerate(script_output) if line.strip()]
    return script_output[printed[0] : printed[-1] + 1] if printed else []
