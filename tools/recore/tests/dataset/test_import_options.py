"""Every option that a message of `recore import` prints is accepted, and answers the message."""

import re
import shlex
from pathlib import Path

import pytest
from recore_support.import_cases import CASES
from recore_support.import_cases.case import Case
from recore_support.import_runs import import_command

COLUMN = r"--column (?:\"[^\"]*\"|'[^']*'|[^\s;,\"']+)"
OPTION = re.compile(
    rf"{COLUMN}|--(?:unit|convert|content-unit|replicates) [a-z][\w/-]*|--(?:interpolate|only-listed)\b"
)


def arguments_of(case: Case, folder: Path) -> list[str]:
    for name, content in case.files.items():
        (folder / name).write_bytes(content)
    spectra = [name for name in case.files if name != case.assays] or [case.assays]
    arguments = [str(folder / name) for name in spectra] + ["--out", str(folder / "out.csv.gz"), "--force"]
    arguments += ["--assays", str(folder / case.assays)] if case.assays else []
    for name, value in case.options.items():
        arguments += [f"--column={column}" for column in value] if name == "columns" else []
        arguments += [f"--{name.replace('_', '-')}={value}"] if name != "columns" else []
    return arguments


def failures_of(case: Case, folder: Path) -> list[str]:
    """Return the printed options that are rejected, or that leave the message as it was."""
    arguments = arguments_of(case, folder)
    first = import_command(*arguments).stderr
    messages = [line for line in first.splitlines() if line.startswith("recore: ")][:1]
    printed = first
    for column in case.options.get("columns", ()):  # the option of the case, which a message rejects
        printed = re.sub(rf"--column {re.escape(column)}(?=: )", "", printed)
    failures = []
    for option in {option for option in OPTION.findall(printed) if not option.endswith("=COLUMN")}:
        name, _, value = option.partition(" ")
        others = [argument for argument in arguments if not argument.startswith(f"--column={value.partition('=')[0]}=")]
        second = import_command(*others, name, *shlex.split(value))
        is_repeated = any(message in second.stderr.splitlines() for message in messages)
        if second.exit_code and (is_repeated or f"{name} {value}" in second.stderr.replace('"', "")):
            failures.append(f"{option}: {second.stderr} after {first} {case}")
    return failures


def test_every_printed_option_is_accepted(tmp_path_factory: pytest.TempPathFactory) -> None:
    failures = [failure for case in CASES for failure in failures_of(case, tmp_path_factory.mktemp("case"))]
    assert not failures, "\n".join(failures)
