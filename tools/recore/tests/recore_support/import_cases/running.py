"""Imports the files of a case, and compares the outcome with the right answer."""

from dataclasses import dataclass, fields
from pathlib import Path

from recore.dataset.importing import ImportOptions, ImportResult, import_files
from recore.dataset.instruments.files import Reading
from recore_support.import_cases.case import ANY, Case
from recore_support.import_cases.comparing import DataFile

READING = {item.name for item in fields(Reading)}


@dataclass(frozen=True)
class Outcome:
    """What became of a case.

    `verdict` is "right"; "asked": refused although the files are plain, or for another reason than the right one; or
    or a column of assays is ignored with a note; "wrong": other numbers, something written where a question is right,
    no note, or an unexpected exception.
    """

    case: Case
    verdict: str
    reason: str = ""

    def __str__(self) -> str:
        kind = "plain" if self.case.is_plain else "/".join(sorted(self.case.questions))
        return f"{self.verdict:6}{self.case.name} ({kind}): {self.reason}"


def run_case(case: Case, folder: Path) -> Outcome:
    """Import the files of a case in an empty folder."""
    for name, content in case.files.items():
        (folder / name).write_bytes(content)
    out = folder / "out.csv.gz"
    try:
        result = import_files(_options(case, folder, out))
    except (ValueError, OSError) as error:
        return _refused(case, out, [getattr(error, "id", "")], str(error).replace(f"{folder}/", ""))
    except Exception as error:
        return Outcome(case, "wrong", f"{type(error).__name__}: {error}")
    if result.problems or not result.rows:
        questions = [getattr(problem, "question", "") for problem in result.problems]
        reasons = "; ".join(problem.reason for problem in result.problems[:3])
        return _refused(case, out, questions, f"{len(result.problems)} problems: {reasons}")
    return _written(case, out, result)


def _options(case: Case, folder: Path, out: Path) -> ImportOptions:
    names = [name for name in case.files if name not in (case.assays, case.like)]
    reading = {name: value for name, value in case.options.items() if name in READING}
    options = {name: value for name, value in case.options.items() if name not in READING}
    if unknown := options.keys() - {item.name for item in fields(ImportOptions)}:
        raise ValueError(f"import has no option {', '.join(sorted(unknown))}")
    return ImportOptions(
        tuple(folder / name for name in names or [case.assays]),
        out,
        assays=folder / case.assays if case.assays else None,
        like=folder / case.like if case.like else None,
        reading=Reading(**reading),
        **options,
    )


def _refused(case: Case, out: Path, questions: list[str], reason: str) -> Outcome:
    asked = sorted(set(questions))
    if out.exists():
        return Outcome(case, "wrong", f"refused, but written: {reason}")
    if ANY in case.questions or case.questions.intersection(asked):
        return Outcome(case, "right")
    return Outcome(case, "asked", f"{asked} {reason}")


def _written(case: Case, out: Path, result: ImportResult) -> Outcome:
    if case.values is None:
        return Outcome(case, "wrong", f"written: {result.rows} rows of {result.grid}")
    notes = [*result.remarks, *map(str, result.suspected)]
    file = DataFile.read(out)
    if difference := file.difference_from(case.values):
        is_noted = case.header and any("ignored" in note and case.header.strip() in note for note in notes)
        if is_noted and not file.difference_from(file.without_missing_targets(case.values)):
            verdict = "right" if ANY in case.questions else "asked"
            return Outcome(case, verdict, f"{case.header!r} is ignored with a note")
        return Outcome(case, "wrong", difference)
    if not any(case.note in note for note in [*notes, ""]):
        return Outcome(case, "wrong", f"no remark contains {case.note!r}: {notes}")
    return Outcome(case, "right")


def tally(outcomes: list[Outcome]) -> str:
    """The counts of right, asked and wrong, for the plain cases and the others."""
    lines = ["                  cases  right  asked  wrong"]
    for title, is_plain in (("plain", True), ("question or either", False)):
        chosen = [outcome.verdict for outcome in outcomes if outcome.case.is_plain == is_plain]
        counts = (len(chosen), *(chosen.count(verdict) for verdict in ("right", "asked", "wrong")))
        lines.append(f"{title:18}" + "".join(f"{count:5}  " for count in counts).rstrip())
    return "\n".join(lines)


def listing(outcomes: list[Outcome], *verdicts: str) -> str:
    """One line for each outcome with one of these verdicts."""
    return "\n".join(str(outcome)[:300] for outcome in outcomes if outcome.verdict in verdicts)
