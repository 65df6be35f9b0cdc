"""Findings for the host about a judged submission: forbidden attempts, copied assays and printed data in its run.

An unverified held-out score that exceeds the recomputed one is found when the record is read (record.py).
Most codes are rules of `recore check --for-host`, which examines a new run of the submission more closely.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recore.challenge import challenge
from recore.data_file import open_data
from recore.evaluation.held_out import HELD_OUT_NAME, read_predictions
from recore.evaluation.scores import HELD_OUT, Score
from recore.text import plain
from stagemaker import parse_number

PREFIX = "recore-audit: "  # prefix of each line that AUDIT_HOOK writes to a log
ATTEMPTS = {"network": ("RC801", "tries to use the network"), "files": ("RC802", "uses files outside its folders")}
RESULTS = {  # by log name: the file that exists if the script completed
    "train": "model.tar.gz",
    "public-preprocess": "predictions/public.csv.out",
    "private-preprocess": "predictions/private.csv.out",
}
FORGED_KIND = "forged"  # the kind of a line that AUDIT_HOOK did not write, or did not write alone
MIN_COPIED = 0.5  # share of predictions that equal the assays
MIN_PRINTED = 12  # different numbers of one private row in a log
MIN_DIGITS = 4  # significant digits; numbers with fewer appear in many logs
NUMBER = re.compile(r"[-+]?\d+\.\d+(?:[eE][-+]?\d+)?")
MAX_LOG_SIZE = 16 << 20  # characters that are read
MAX_LENGTH = 200  # characters of a finding


@dataclass(frozen=True)
class HostFinding:
    """A finding. text: a one-line message. code: the code of a rule, or "printed", "unobserved" or "unread"."""

    code: str
    text: str

    def __str__(self) -> str:
        return f"{self.code} {self.text}"


def collect_findings(folder: Path, public: Path, private: Path, scores: dict[str, Score]) -> list[HostFinding]:
    """Return the findings about the run in a folder, and remove AUDIT_HOOK's lines from its logs.

    public, private: the data files of the round. Never raises an exception, whatever the submission wrote.
    """
    findings: list[HostFinding] = []
    examinations: dict[str, Callable[[], Iterable[HostFinding]]] = {
        "its logs": lambda: _find_attempts(folder),
        "its held-out predictions": lambda: _find_copies(folder / f"predictions/{HELD_OUT}.csv", public, scores),
        "its printed output": lambda: _find_printed_rows(folder / "logs", private),
    }
    for subject, examine in examinations.items():
        try:
            findings += examine()
        except Exception as error:
            findings.append(HostFinding("unread", f"{subject} could not be examined ({type(error).__name__})"))
    return list(dict.fromkeys(findings))


def _find_attempts(folder: Path) -> Iterator[HostFinding]:
    """Yield a finding for each kind of forbidden attempt that AUDIT_HOOK reported in each log.

    Details from a job with private data are omitted, because they may contain the data.
    """
    for name, result in RESULTS.items():
        path = folder / f"logs/{name}.log"
        if not path.is_file():
            continue
        other_lines: list[str] = []
        events: dict[str, str] = {}
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                if (event := _read_event(line)) is None:
                    other_lines.append(line)
                    continue
                if other_lines and other_lines[-1] == "\n":  # the hook writes a line break before its line
                    other_lines.pop()
                events.setdefault(event.pop("kind"), _format_event(event))
        path.write_text("".join(other_lines), "utf-8")
        for kind, event_details in events.items():
            if kind in ATTEMPTS:
                code, attempt = ATTEMPTS[kind]
                details = "" if name.startswith("private") else f": {event_details}"
                yield HostFinding(code, plain(f"{attempt}{details} (in {name})", MAX_LENGTH))
        if (folder / result).exists() and "begins" not in events:
            yield HostFinding("unobserved", f"its actions in {name} were not reported")
        if FORGED_KIND in events:
            yield HostFinding("unobserved", f"it tampers with the report of its actions in {name}")


def _read_event(line: str) -> dict[str, str] | None:
    """Parse a line from AUDIT_HOOK as a dictionary of strings, or return None for any other line."""
    if PREFIX not in line:
        return None
    try:
        event = json.loads(line.partition(PREFIX)[2])
        return {str(name): str(value) for name, value in event.items()} | {"kind": str(event["kind"])}
    except (ValueError, RecursionError, AttributeError, LookupError):
        return {"kind": FORGED_KIND}


def _format_event(event: dict[str, str]) -> str:
    location = f", {event['file']} line {event.get('line')}" if event.get("file") else ""
    return f"{event.get('event', '')} {event.get('what', '')}{location}".strip()


def _find_copies(held_out: Path, public: Path, scores: dict[str, Score]) -> Iterator[HostFinding]:
    """Yield a finding if the held-out predictions are copied assays."""
    if HELD_OUT in scores and (share := _share_of_copies(held_out, public)) > MIN_COPIED:
        yield HostFinding("RC703", f"{share:.0%} of the values in {HELD_OUT_NAME} are the assays themselves")


def _share_of_copies(held_out: Path, public: Path) -> float:
    """Return the fraction of the predicted values that equal the assays to nine digits.

    Each target's most frequent assay is ignored: for samples below a detection limit, models also predict it.
    """
    import pyarrow as pa

    predicted = read_predictions(held_out)
    with open_data(public) as data:
        names = [name for name in challenge().targets if name in data.positions and name in predicted.column_names]
        table = data.read({data.positions[name]: pa.string() for name in names})
        pairs = [(predicted[name].to_pylist(), table[str(data.positions[name])].to_pylist()) for name in names]
    equal = n_compared = 0
    for pair in pairs:
        first, second = (np.array([parse_number(cell or "") for cell in column], dtype=float) for column in pair)
        mask = np.isfinite(first) & np.isfinite(second)
        values, counts = np.unique(second[mask], return_counts=True)
        mask &= second != (values[counts.argmax()] if len(values) else 0.0)
        n_compared += int(mask.sum())
        equal += int(np.isclose(first[mask], second[mask], rtol=1e-9, atol=0).sum())
    return equal / n_compared if n_compared else 0.0


def _find_printed_rows(logs: Path, private: Path) -> Iterator[HostFinding]:
    """Yield a finding for each log that contains many numbers of one private row; a few could match by chance."""
    rows_by_number: dict[str, set[str]] = {}
    for path in sorted(logs.glob("private-*.log")):
        if path.stem.endswith("score"):
            continue
        with open(path, encoding="utf-8", errors="replace") as file:
            numbers = {_digits(match) for match in NUMBER.findall(file.read(MAX_LOG_SIZE))}
        rows_by_number[path.stem] = {number for number in numbers if len(number) >= MIN_DIGITS}
    max_counts = dict.fromkeys(rows_by_number, 0)
    for row in _rows(private) if any(rows_by_number.values()) else ():
        cells = {_digits(cell) for cell in row if "." in cell}
        for name, numbers in rows_by_number.items():
            max_counts[name] = max(max_counts[name], len(numbers & cells))
    for name, count in max_counts.items():
        if count >= MIN_PRINTED:
            yield HostFinding("printed", f"{count} numbers of one private row in {name}")


def _rows(data_file: Path) -> Iterator[list[str]]:
    with open_data(data_file) as data:
        yield from data.rows()


def _digits(number: str) -> str:
    """Return the significant digits of a number in any notation, such as 0.12340 or 1.234e-1."""
    mantissa = re.split("[eE]", number)[0]
    return mantissa.replace(".", "").lstrip("+-0").rstrip("0")
