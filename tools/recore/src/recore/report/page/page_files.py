"""Write a report atomically: the HTML file and the folder with its numbers."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv

from recore.atomic import replace_paths
from recore.challenge import reword
from recore.outputs import check_writable
from recore.report.page.content import Page, PageFinding
from recore.report.page.html import render
from recore.spreadsheet_csv import safe_cell
from recore.untrusted_json import get, read_object

CONTENTS = "contents.json"  # lists a report's files, so that a new report can recognise and replace an older one


def write_page(page: Page, path: Path) -> list[Path]:
    """Write `path` (NAME.html) and the folder NAME next to it atomically, and return all files.

    The folder contains a CSV file for each figure and table, and contents.json. An older report is replaced. Raises the
    same errors as check_report_path, and ValueError if two items have the same name.
    """
    names = [item.name for item in page.items]
    check_report_path(path)
    if len(set(names)) < len(names):
        raise ValueError(f"two figures or tables have the same name: {sorted(names)}")
    folder = path.with_suffix("")
    with replace_paths(folder, path) as (new_folder, new_page):
        new_folder.mkdir()
        for item in page.items:
            columns = [
                pa.array(column.map(safe_cell) if column.dtype.kind == "O" else column)
                for _, column in item.numbers.items()
            ]
            table = pa.Table.from_arrays(columns, [safe_cell(str(name)) for name in item.numbers])  # also equal names
            pa.csv.write_csv(table, new_folder / f"{item.name}.csv")
        contents = {
            "report": page.title,
            "facts": page.facts,
            "findings": _to_dicts(page.findings),
            "files": {f"{item.name}.csv": {"title": item.title, "summary": item.summary} for item in page.items},
        }
        (new_folder / CONTENTS).write_text(json.dumps(contents, indent=1, default=_to_json_value), "utf-8")
        new_page.write_text(render(page, folder.name), "utf-8")
    return [path, folder / CONTENTS, *(folder / f"{name}.csv" for name in names)]


def findings_json(findings: Sequence[PageFinding]) -> str:
    """Return findings as the JSON that `--json` prints."""
    return json.dumps(_to_dicts(findings), default=_to_json_value)


def _to_dicts(findings: Sequence[PageFinding]) -> list[dict[str, Any]]:
    return [finding.__dict__ | {"text": reword(finding.text)} for finding in findings]


def _to_json_value(value: Any) -> Any:
    return value.tolist()


def check_report_path(path: Path) -> None:
    """Raise an error if a report cannot be written to `path`.

    Raises ValueError if the suffix is not .html, OSError if the path is not writable, or FileExistsError if the folder
    for the numbers contains files that do not belong to a report.
    """
    if path.suffix != ".html":
        raise ValueError(f"{path}: the file name of a report must end in .html")
    check_writable(path)
    folder = path.with_suffix("")
    if not os.path.lexists(folder):
        return
    try:
        report_files = {CONTENTS, *get(read_object(folder / CONTENTS), "files", dict)}
        replaceable = not folder.is_symlink() and {file.name for file in folder.iterdir()} <= report_files
    except (OSError, ValueError):
        replaceable = False
    if not replaceable:
        raise FileExistsError(
            f"{folder}: the report's numbers would be written to this folder, but it contains other files; "
            "move them, or choose another name for the report"
        )
