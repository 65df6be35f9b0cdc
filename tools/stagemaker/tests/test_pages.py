"""Every fenced block of stagemaker's pages runs as printed, in an empty folder, with the printed output."""

import os
import sys
from pathlib import Path

import pytest
from stagemaker_support.checkout import ROOT, environment
from stagemaker_support.pages import blocks, broken_links, check_blocks, is_independent, page_marks, run_blocks

PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
RUN = [
    pytest.param(page, marks=page_marks(page), id=page.name)
    for page in PAGES
    if any(block.language == "bash" and is_independent(block.tags) for block in blocks(page))
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_can_be_pasted(page: Path) -> None:
    check_blocks(page)


def test_links_lead_to_existing_files() -> None:
    assert ROOT / "README.md" in PAGES
    assert len(PAGES) > 5
    assert broken_links(PAGES) == []


@pytest.mark.parametrize("page", RUN)
def test_the_commands_run_as_printed(page: Path, tmp_path: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    run_blocks([page], tmp_path, environment() | {"PATH": path, "PYTHONPATH": str(ROOT / "src")})
