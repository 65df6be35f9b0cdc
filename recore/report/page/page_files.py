"""A page written: the HTML file and the folder of its numbers, both whole or neither."""

import contextlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from recore import locked
from recore.report.page.content import Finding, Page
from recore.report.page.html import render

CONTENTS = "contents.json"  # what a report's folder holds; by it an older report's folder is known


def write_page(page: Page, path: Path) -> list[Path]:
    """Write `path` (NAME.html) and the folder NAME beside it, both whole or neither; returns all files.

    The folder holds a CSV for each figure and table, and contents.json: facts, findings, and what each file is.
    An older report is replaced. Raises ValueError where two items have one name, and what check_place raises.
    """
    names = [item.name for item in page.items]
    check_place(path)
    if len(set(names)) < len(names):
        raise ValueError(f"two figures or tables have one name: {sorted(names)}")
    folder = path.with_suffix("")
    path.parent.mkdir(parents=True, exist_ok=True)
    with _replacing(folder, path) as (new_folder, new_page):
        for item in page.items:
            item.numbers.to_csv(new_folder / f"{item.name}.csv", index=False)
        (new_folder / CONTENTS).write_text(json.dumps(_contents(page), indent=1, default=_plain), "utf-8")
        new_page.write_text(render(page, folder.name), "utf-8")
    return [path, folder / CONTENTS, *(folder / f"{name}.csv" for name in names)]


def _contents(page: Page) -> dict[str, Any]:
    """What contents.json says."""
    return {
        "report": page.title,
        "facts": page.facts,
        "findings": [finding.__dict__ for finding in page.findings],
        "files": {f"{item.name}.csv": {"title": item.title, "summary": item.summary} for item in page.items},
    }


def findings_json(findings: Sequence[Finding]) -> str:
    """Findings for programs, as `--json` prints them."""
    return json.dumps([finding.__dict__ for finding in findings], default=_plain)


def _plain(value: Any) -> Any:
    """numpy's scalars and arrays for json."""
    return value.tolist()


def check_place(path: Path) -> None:
    """Whether a report can go there, before work is put into it.

    Raises ValueError where the name does not end in .html, FileExistsError where replacing the folder of that name would
    lose what no report wrote.
    """
    if path.suffix != ".html":
        raise ValueError(f"{path}: a report's name ends in .html")
    folder = path.with_suffix("")
    if not os.path.lexists(folder):
        return
    try:
        known = {CONTENTS, *json.loads((folder / CONTENTS).read_text("utf-8"))["files"]}
        ours = not folder.is_symlink() and {file.name for file in folder.iterdir()} <= known
    except (OSError, ValueError, LookupError, TypeError):
        ours = False
    if not ours:
        raise FileExistsError(
            f"{folder}: the report's numbers would go there, and it holds something else: move it, or give the report another name"
        )


@contextlib.contextmanager
def _replacing(folder: Path, page: Path) -> Iterator[tuple[Path, Path]]:
    """Yield temporary names beside the two, which become them when all went well."""
    made, lock = locked.make(folder.parent, f".{folder.name}.", ".part")
    new_folder, new_page, old_folder = made / "new", made / "page", made / "old"
    new_folder.mkdir()
    try:
        yield new_folder, new_page
        if folder.exists():
            folder.rename(old_folder)
        try:
            new_folder.rename(folder)
            new_page.replace(page)
        except OSError:
            if old_folder.exists():
                shutil.rmtree(folder, ignore_errors=True)
                old_folder.rename(folder)
            raise
    finally:
        shutil.rmtree(made, ignore_errors=True)
        lock.close()
