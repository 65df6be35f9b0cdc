"""Every fenced command in the pages runs as printed and has the output printed there (stagemaker_support/pages.py).

Blocks run in order, after `make run`. Their output is checked only if the submission is the template's.
"""

import contextlib
import os
import pkgutil
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from stagemaker_support.docker_engine import THREADS_OF_CONTAINERS, engine
from stagemaker_support.pages import (
    ENGINE,
    NOT_PASTEABLE,
    blocks,
    broken_links,
    check_blocks,
    output_pattern,
    page_marks,
    run_blocks,
    run_script,
)
from support.checkout import ROOT, copy_checkout, environment
from support.once import make_once
from support.template import IS_TEMPLATE, template_only

FOLDERS = (".", "data", "docs", "tools/recore", "tools/recore/docs")
PAGES = [page for folder in FOLDERS for page in sorted((ROOT / folder).glob("*.md"))]
STAGEMAKER_PAGES = sorted(page for name in ("*.md", "docs/*.md") for page in (ROOT / "tools/stagemaker").glob(name))
GENERATED = [page for kind in ("*.md", "*.md.jinja") for page in sorted((ROOT / "tools/recore/src").rglob(kind))]
DOTTED_NAME = re.compile(r"(?<![\w./-])(?:recore|stagemaker)(?:\.[A-Za-z_]\w*)+(?![\w/-])")
TESTS = ("tests", "tools/recore/tests", "tools/stagemaker/tests")
NAME = r'"((?:RECORE|CONFORMANCE)_\w+)"'
VARIABLE = re.compile(rf"(?:os\.environ\.get\(|skipif\(\s*|VARIABLE = ){NAME}")
MODEL_PAGE = ROOT / "docs/your-model.md"  # its commands replace the template's model
PRODUCTION = [ROOT / f"tools/recore/docs/{name}.md" for name in ("serve", "compare", "retrain")]  # share a simulator


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_can_be_pasted(page: Path) -> None:
    check_blocks(page)


@pytest.mark.parametrize("page", GENERATED, ids=lambda page: page.name)
def test_every_block_of_a_generated_page_can_be_pasted(page: Path) -> None:
    for block in blocks(page):
        assert block.language in ("bash", "text"), block
        assert not NOT_PASTEABLE.search(block.content), block


@pytest.mark.parametrize("page", [*PAGES, *STAGEMAKER_PAGES], ids=lambda page: str(page.relative_to(ROOT)))
def test_every_dotted_name_on_a_page_exists(page: Path) -> None:
    for name in DOTTED_NAME.findall(page.read_text()):
        pkgutil.resolve_name(name)


def test_contributing_lists_the_variables_without_which_tests_are_skipped() -> None:
    sources = [path.read_text() for tests in TESTS for path in (ROOT / tests).rglob("*.py")]
    names = {name for source in sources for name in VARIABLE.findall(source)}
    assert "RECORE_ML2P" in names
    assert names <= set(re.findall(r"`(\w+)`", (ROOT / "CONTRIBUTING.md").read_text()))


@pytest.fixture
def checkout(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of this checkout after `make run`. File times are preserved."""

    def copy_or_link(source: str, target: str) -> None:
        (os.link if source.endswith(".gz") else shutil.copy2)(source, target)  # data files are never changed in place

    folder = make_once(tmp_path_factory, "checkout after make run", make_run)
    return shutil.copytree(folder, tmp_path / "checkout", symlinks=True, copy_function=copy_or_link)


def make_run(folder: Path) -> None:
    """Run the first command of README in a copy of the checkout, and compare its output."""
    copy_checkout(folder)
    commands, printed, *_ = blocks(ROOT / "README.md")
    assert commands.content.splitlines()[-1] == "make run"
    with contextlib.ExitStack() as background:
        status, output, errors = run_script("make run", folder, page_environment(folder), background)
    assert status == 0, output + errors
    assert not IS_TEMPLATE or output_pattern(printed).fullmatch(output), output


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=page_marks(page))
        for page in PAGES
        if blocks(page) and page not in [MODEL_PAGE, *PRODUCTION]
    ],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_the_commands_run_as_printed(page: Path, checkout: Path) -> None:
    run_blocks([page], checkout, page_environment(checkout), checks_output=IS_TEMPLATE)


@pytest.mark.slow
def test_the_pages_of_production_continue_each_other(checkout: Path) -> None:
    run_blocks(PRODUCTION, checkout, page_environment(checkout), checks_output=IS_TEMPLATE)


@pytest.mark.slow
@template_only
def test_a_model_is_replaced_as_printed(checkout: Path) -> None:
    for command in (["git", "init", "--quiet"], ["git", "add", "train.py"]):  # `recore new` reads the original in Git
        subprocess.run(command, cwd=checkout, check=True)
    run_blocks([MODEL_PAGE], checkout, page_environment(checkout))


@pytest.mark.machine
@pytest.mark.xdist_group("docker")
def test_the_commands_that_need_an_engine_run_as_printed(checkout: Path) -> None:
    engine()
    for page in PAGES:
        variables = page_environment(checkout) | THREADS_OF_CONTAINERS
        run_blocks([page], checkout, variables, lambda tags: bool(ENGINE & tags), IS_TEMPLATE)


def page_environment(checkout: Path) -> dict[str, str]:
    assert (Path(sys.prefix) / "ready").exists(), "`make test` creates the environment for these commands"
    if not (checkout / ".venv").exists():
        (checkout / ".venv").symlink_to(sys.prefix)
    variables = {"PATH": f"{checkout / '.venv/bin'}{os.pathsep}{os.environ['PATH']}", "MAKEFLAGS": "", "VENV": ".venv"}
    # the environment is set up for a different folder
    sources = [str(checkout / f"tools/{name}/src") for name in ("recore", "stagemaker")]
    variables["PYTHONPATH"] = os.pathsep.join(sources)
    return environment() | variables


def test_each_folder_has_pages() -> None:
    assert {page.parent for page in PAGES} == {ROOT / folder for folder in FOLDERS}


def test_links_lead_to_existing_files() -> None:
    assert broken_links(PAGES) == []


def test_sources_mention_existing_pages() -> None:
    sources = [path for folder in ("", "tools/recore/", "tools/stagemaker/") for path in ROOT.glob(f"{folder}*.py")]
    sources += [path for part in ("src", "examples", "benchmarks") for path in ROOT.glob(f"tools/*/{part}/**/*.py")]
    mentioned = {name for path in sources for name in re.findall(r"[\w/]*docs/[\w-]+\.md", path.read_text("utf-8"))}
    assert "docs/your-model.md" in mentioned
    roots = (ROOT, ROOT / "tools/recore", ROOT / "tools/stagemaker")
    assert [name for name in mentioned if not any((root / name).exists() for root in roots)] == []
