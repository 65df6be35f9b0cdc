"""Cases: files, import options and the expected result, and the comparison of an import with it."""

import csv
import gzip
from dataclasses import dataclass, field, fields, replace
from math import isclose
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recore.dataset.importing import ImportOptions, ImportResult, import_files
from recore.dataset.instruments.files import ReadingOptions
from recore_support.schema import IDS, TARGETS

ERROR = "any rejection"  # in the questions of a case: nothing must be written, for any reason
NO_ID = ""  # in the questions of a case: a rejection without a question
OPTION_NAMES = {item.name for item in fields(ReadingOptions)}

Assays = dict[str, list[float | str | None]]


@dataclass(frozen=True)
class Values:
    """Contents of a data file: row names, descending wavenumbers in cm-1, absorbance (rows, channels), assays.

    assays: one value per row for each column of the schema, None for a missing assay.
    """

    index: list[str]
    wavenumbers: NDArray[np.float64]
    absorbance: NDArray[np.float64]
    assays: Assays = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """Files to import and the expected result.

    files: contents by name. assays: the name of the assay table among them; the other files are spectra. values: None
    if one of the questions must be raised. note: a string that a remark must contain. header: the column of assays that
    the case is about.
    """

    files: dict[str, bytes]
    values: Values | None = None
    questions: tuple[str, ...] = (ERROR,)
    assays: str = ""
    options: dict[str, object] = field(default_factory=dict)
    note: str = ""
    header: str = ""

    @property
    def right(self) -> Values:
        assert self.values
        return self.values

    def with_options(self, **options: object) -> "Case":
        return replace(self, options={**self.options, **options})

    def notes(self, note: str) -> "Case":
        return replace(self, note=note)

    def edited(self, old: str, new: str, count: int = -1) -> "Case":
        """Return the case with a string in its first file replaced, and the same expected result."""
        name, content = next(iter(self.files.items()))
        assert old.encode() in content
        return replace(self, files={**self.files, name: content.replace(old.encode(), new.encode(), count)})

    def __str__(self) -> str:
        kind = f"{'/'.join(self.questions)}{' or values' if self.values else ''}" if self.questions else "plain"
        name = self.assays or next(iter(self.files))
        return f"({kind}) {self.options or ''} {', '.join(self.files)}: {self.files[name][:160]!r}"


def ask(questions: str | tuple[str, ...], *cases: Case) -> list[Case]:
    """Return cases that must raise one of the questions."""
    return [replace(case, values=None) for case in may_ask(questions, *cases)]


def may_ask(questions: str | tuple[str, ...], *cases: Case) -> list[Case]:
    """Return cases that may raise one of the questions."""
    return [replace(case, questions=(questions,) if isinstance(questions, str) else questions) for case in cases]


def failure_of(case: Case, folder: Path) -> str:
    """Return the failure of the import of a case, or "".

    Failures are wrong numbers, output instead of a question, a question or an ignored column for plain files, a wrong
    question, a missing note, or an unexpected exception.
    """
    for name, content in case.files.items():
        (folder / name).write_bytes(content)
    out = folder / "out.csv.gz"
    spectra = [name for name in case.files if name != case.assays]
    options = ImportOptions(
        tuple(folder / name for name in spectra or [case.assays]),
        out,
        assays=folder / case.assays if case.assays else None,
        reading=ReadingOptions(**{name: value for name, value in case.options.items() if name in OPTION_NAMES}),
        **{name: value for name, value in case.options.items() if name not in OPTION_NAMES},
    )
    try:
        result = import_files(options)
    except (ValueError, OSError) as error:
        return _failure_if_rejected(case, out, {getattr(error, "id", NO_ID)}, str(error))
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    if result.problems or not result.rows:
        questions = {getattr(problem, "question", NO_ID) for problem in result.problems}
        return _failure_if_rejected(case, out, questions, "; ".join(problem.reason for problem in result.problems[:3]))
    return _failure_if_written(case, out, result)


def _failure_if_rejected(case: Case, out: Path, questions: set[str], reason: str) -> str:
    if out.exists():
        return f"rejected, but written: {reason}"
    return "" if ERROR in case.questions or questions.intersection(case.questions) else f"{sorted(questions)} {reason}"


def _failure_if_written(case: Case, out: Path, result: ImportResult) -> str:
    if case.values is None:
        return f"written: {result.rows} rows of {result.grid}"
    notes = [*result.remarks, *map(str, result.suspected)]
    if difference := _find_difference(out, case.values):
        is_noted = case.header and any("ignored" in note and case.header.strip() in note for note in notes)
        is_ignored = (
            ERROR in case.questions and is_noted and not _find_difference(out, case.values, are_missing_allowed=True)
        )
        return "" if is_ignored else difference
    return "" if any(case.note in note for note in [*notes, ""]) else f"no remark contains {case.note!r}: {notes}"


def _find_difference(path: Path, values: Values, are_missing_allowed: bool = False) -> str:
    """Return the first difference of the data file from the expected values, or ""."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    index = [row[0] for row in rows]
    if sorted(index) != sorted(values.index):
        return f"rows {index} instead of {values.index}"
    order = [index.index(name) for name in values.index]
    columns = {name: [rows[position][i] for position in order] for i, name in enumerate(header) if i}
    channels = [name for name in columns if name not in (*IDS, *TARGETS)]
    written, expected = np.array([float(name) for name in channels]), values.wavenumbers
    decimals = min(len(name.partition(".")[2]) for name in channels)
    if len(written) != len(expected) or not np.allclose(written, expected, rtol=0, atol=0.501 * 10.0**-decimals):
        return f"channels {channels} instead of {expected}"
    absorbance = np.array([columns[name] for name in channels], dtype=float).T
    if not np.allclose(absorbance, values.absorbance, rtol=1e-5, atol=1e-6):  # written with six decimals
        return f"absorbance {absorbance[0, :3]} instead of {values.absorbance[0, :3]}"
    for name in (*TARGETS, *(name for name in IDS if name in values.assays)):
        cells = columns.get(name, [""] * len(order))
        expected_cells = values.assays.get(name, [None] * len(order))
        is_ignored = are_missing_allowed and name in TARGETS and not any(cells)
        if not is_ignored and not all(map(_is_same, cells, expected_cells)):
            return f"{name} is {cells} instead of {expected_cells}"
    return ""


def _is_same(cell: str, value: float | str | None) -> bool:
    if isinstance(value, str) or value is None or not cell:
        return cell == (value or "")
    return isclose(float(cell), value, rel_tol=5e-5, abs_tol=1e-9)  # converted with atomic weights of five digits
