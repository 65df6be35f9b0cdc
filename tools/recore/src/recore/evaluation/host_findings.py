"""What a host should know of a judged submission, from its one run: what it tried, claimed and printed.

The codes are those of the rules of `recore check --for-host`, which runs a submission again and looks closer.
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

PREFIX = "recore-audit: "  # of a line that AUDIT_HOOK writes to a log
TRIED = {"network": ("RC801", "tries to use the network"), "files": ("RC802", "uses files outside its folders")}
RESULTS = {  # by the names of logs: what is there if the script ran to its end
    "train": "model.tar.gz",
    "public-preprocess": "predictions/public.csv.out",
    "private-preprocess": "predictions/private.csv.out",
}
FORGED = "forged"  # a line that AUDIT_HOOK has not written, or not alone
COPIED = 0.5  # share of the assays that predictions equal
CLAIMED = 0.3  # of the best score: by so much a claimed held-out score exceeds the private one
PRINTED = 12  # different numbers of a private row in a log
DIGITS = 4  # significant ones that a number has at least: others are in many texts
NUMBER = re.compile(r"[-+]?\d+\.\d+(?:[eE][-+]?\d+)?")
LARGEST_LOG = 16 << 20  # characters that are read
LONGEST = 200  # characters of a finding


@dataclass(frozen=True)
class HostFinding:
    """code: of the rule; otherwise printed (numbers of private rows), unobserved or unread. text: one line."""

    code: str
    text: str

    def __str__(self) -> str:
        return f"{self.code} {self.text}"


def find_for_host(folder: Path, public: Path, private: Path, scores: dict[str, Score]) -> list[HostFinding]:
    """The findings about the run in a folder; lines of AUDIT_HOOK are removed from its logs.

    public, private: the data files of the round. Whatever the submission wrote, nothing is raised.
    """
    found: list[HostFinding] = []
    examinations: dict[str, Callable[[], Iterable[HostFinding]]] = {
        "its logs": lambda: _tried(folder),
        "its held-out predictions": lambda: _claimed(folder / f"predictions/{HELD_OUT}.csv", public, scores),
        "what it printed": lambda: _printed(folder / "logs", private),
    }
    for what, examine in examinations.items():
        try:
            found += examine()
        except Exception as error:
            found.append(HostFinding("unread", f"{what} could not be examined ({type(error).__name__})"))
    return list(dict.fromkeys(found))


def _tried(folder: Path) -> Iterator[HostFinding]:
    """What the scripts tried, from the lines of AUDIT_HOOK; each kind once for each log.

    A log with private data gives the kind alone: the rest can quote the data.
    """
    for name, result in RESULTS.items():
        path = folder / f"logs/{name}.log"
        if not path.is_file():
            continue
        kept: list[str] = []
        events: dict[str, str] = {}
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                if (event := _read_event(line)) is None:
                    kept.append(line)
                    continue
                if kept and kept[-1] == "\n":  # which the hook writes before its line
                    kept.pop()
                events.setdefault(event.pop("kind"), _describe_event(event))
        path.write_text("".join(kept), "utf-8")
        for kind, what in events.items():
            if kind in TRIED:
                code, tried = TRIED[kind]
                detail = "" if name.startswith("private") else f": {what}"
                yield HostFinding(code, plain(f"{tried}{detail}, in {name}", LONGEST))
        if (folder / result).exists() and "begins" not in events:
            yield HostFinding("unobserved", f"nothing reports what it tries, in {name}")
        if FORGED in events:
            yield HostFinding("unobserved", f"it disturbs the reports of what it tries, in {name}")


def _read_event(line: str) -> dict[str, str] | None:
    """The members of a line of AUDIT_HOOK as text; None of any other line."""
    if PREFIX not in line:
        return None
    try:
        event = json.loads(line.partition(PREFIX)[2])
        return {str(name): str(value) for name, value in event.items()} | {"kind": str(event["kind"])}
    except (ValueError, RecursionError, AttributeError, LookupError):
        return {"kind": FORGED}


def _describe_event(event: dict[str, str]) -> str:
    where = f", {event['file']} line {event.get('line')}" if event.get("file") else ""
    return f"{event.get('event', '')} {event.get('what', '')}{where}".strip()


def _claimed(held_out: Path, public: Path, scores: dict[str, Score]) -> Iterator[HostFinding]:
    """What is wrong with the held-out predictions of a submission."""
    if HELD_OUT not in scores:
        return
    claim, private = scores[HELD_OUT], scores.get("private")
    if (share := _share_of_copies(held_out, public)) > COPIED:
        yield HostFinding("RC703", f"{HELD_OUT_NAME} holds the assays themselves: {share:.0%} of its values")
    elif private and claim.value - private.value > CLAIMED * private.weights_scored:
        values = f"{claim.value:.3f} is claimed for held-out rows, and the private score is {private.value:.3f}"
        yield HostFinding("RC703", values)


def _share_of_copies(held_out: Path, public: Path) -> float:
    """The share of the predicted values that are equal to the assays, to nine digits."""
    import pyarrow as pa

    predicted = read_predictions(held_out)
    with open_data(public) as data:
        names = [name for name in challenge().targets if name in data.places and name in predicted.column_names]
        table = data.read({data.places[name]: pa.string() for name in names})
        pairs = [(predicted[name].to_pylist(), table[str(data.places[name])].to_pylist()) for name in names]
    equal = compared = 0
    for texts in pairs:
        first, second = (np.array([parse_number(text or "") for text in column], dtype=float) for column in texts)
        both = np.isfinite(first) & np.isfinite(second)
        compared += int(both.sum())
        equal += int(np.isclose(first[both], second[both], rtol=1e-9, atol=0).sum())
    return equal / compared if compared else 0.0


def _printed(logs: Path, private: Path) -> Iterator[HostFinding]:
    """Logs in which numbers of a private row stand; single ones are in a large file by chance."""
    printed: dict[str, set[str]] = {}
    for path in sorted(logs.glob("private-*.log")):
        if path.stem.endswith("score"):
            continue
        with open(path, encoding="utf-8", errors="replace") as file:
            numbers = {_digits(text) for text in NUMBER.findall(file.read(LARGEST_LOG))}
        printed[path.stem] = {number for number in numbers if len(number) >= DIGITS}
    most = dict.fromkeys(printed, 0)
    for row in _rows(private) if any(printed.values()) else ():
        cells = {_digits(cell) for cell in row if "." in cell}
        for name, numbers in printed.items():
            most[name] = max(most[name], len(numbers & cells))
    for name, found in most.items():
        if found >= PRINTED:
            yield HostFinding("printed", f"{found} numbers of one private row, in {name}")


def _rows(data_file: Path) -> Iterator[list[str]]:
    with open_data(data_file) as data:
        yield from data.rows()


def _digits(number: str) -> str:
    """The significant digits of a number, however it is written: 0.12340, 1.234e-1."""
    mantissa = re.split("[eE]", number)[0]
    return mantissa.replace(".", "").lstrip("+-0").rstrip("0")
