"""A job's log as a participant needs it: its end, without what the toolkits and the server around the script wrote."""

import os
import re
from pathlib import Path

LINES = 15  # that are shown
SHOWN = 1 << 16  # bytes of a log in which they are looked for
READ = 1 << 20  # bytes of a log in which an exception is looked for

# the training toolkit writes this above the command that runs the script, and its whole environment above it
STARTS = "Invoking script with the following command:"
TOOLKIT = re.compile(
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} sagemaker[-_]\S+ +[A-Z]+ "  # SageMaker's toolkits
    r"|\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [-+]\d{4}\] \[\d+\] \[(?:INFO|DEBUG)\] "  # gunicorn
    r"|Requirement already satisfied: "
)
ENDED = re.compile(r"ExitCode -?\d+$|ErrorMessage \"|Command \"")  # lines below the toolkit's ExecuteUserScriptError


def tail(log: Path, size: int = READ) -> str:
    """The end of a log, from the beginning of a line on where it has lines."""
    with open(log, "rb") as file:
        start = max(0, file.seek(0, os.SEEK_END) - size)
        file.seek(start)
        text = file.read().decode("utf-8", "replace")
    rest = text.partition("\n")[2]
    return rest if start and rest else text


def script_lines(text: str) -> list[str]:
    """The lines of a log that the script itself wrote, as far as that can be seen from them."""
    lines = text.rstrip().split("\n")
    starts = [number for number, line in enumerate(lines) if line == STARTS]
    if starts:  # a blank line, the command, and blank lines follow
        lines = lines[starts[-1] + 1 :]
        command = next((number for number, line in enumerate(lines) if line.strip()), len(lines))
        lines = lines[command + 1 :]
    kept: list[str] = []
    failed = False  # within the toolkit's report of a script that failed
    for line in lines:
        if TOOLKIT.match(line):
            failed = "ExecuteUserScriptError" in line
        elif not (failed and ENDED.match(line)):
            failed = False
            kept.append(line)
    while kept and not kept[0].strip():
        del kept[0]
    while kept and not kept[-1].strip():
        del kept[-1]
    return kept
