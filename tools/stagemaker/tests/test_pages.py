"""Every fenced command of stagemaker's pages runs as printed, in an empty folder, with the printed output."""

import os
import sys
from pathlib import Path

import pytest
from stagemaker_support.checkout import ROOT, environment
from stagemaker_support.pages import assert_tagged, blocks, broken_links, is_independent, page_marks, run_blocks

PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
RUN = [
    pytest.param(page, marks=page_marks(page), id=page.name)
    for page in PAGES
    if any(is_independent(set(tags)) for tags, _ in blocks(page))
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_is_tagged(page: Path) -> None:
    assert_tagged(page)


def test_links_lead_to_existing_files() -> None:
    assert ROOT / "README.md" in PAGES
    assert len(PAGES) > 5
    assert broken_links(PAGES) == []


@pytest.mark.parametrize("page", RUN)
def test_the_commands_run_as_printed(page: Path, tmp_path: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    run_blocks([page], tmp_path, environment() | {"PATH": path, "PYTHONPATH": str(ROOT / "src")})
