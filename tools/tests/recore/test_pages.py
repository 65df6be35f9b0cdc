"""Every fenced command of the pages runs as printed, and prints what is printed there.

A block tagged `console` is a session: bash runs the lines after `$ ` (`> ` continues a command), and the other lines
are their output, in which `...` stands for any text. There are more tags: `self`, the commands that run these tests;
`login` and `aws`, commands that need an account; `docker`, commands that need an engine; `sandbox`, commands that need
bubblewrap. A block tagged `diff` is applied.

The blocks of a page run in order, in a checkout in which the README's first two commands have been run: `make run`, and
the activation of the environment.

Output is checked only if the submission is the template's, because the pages show its figures.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from stagemaker_support.docker_engine import engine
from stagemaker_support.sandbox import SANDBOX
from support.checkout import ROOT, copy_checkout, environment
from support.once import make_once
from support.template import IS_TEMPLATE, template_only

FOLDERS = (".", "data", "docs", "tools", "tools/docs", "tools/docs/recore", "tools/docs/stagemaker")
PAGES = [page for folder in FOLDERS for page in sorted((ROOT / folder).glob("*.md"))]
MODEL_PAGE = ROOT / "docs/your-model.md"  # replaces the template's model
FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NOT_RUN = {"self", "login", "aws"}
ENGINE = {"docker"}


def blocks(page: Path) -> list[tuple[list[str], str]]:
    """Return the tags and the text of a page's fenced blocks."""
    return [(tags.split(), text) for tags, text in FENCE.findall(page.read_text())]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_is_tagged(page: Path) -> None:
    assert page.read_text().count("```") == 2 * len(blocks(page))
    for tags, _ in blocks(page):
        assert tags == ["diff"] or tags[:1] == ["console"], tags
        assert set(tags[1:]) <= NOT_RUN | ENGINE | {"sandbox"}


@pytest.fixture
def checkout(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of this checkout after `make run`. Its files have the same times: nothing is out of date."""

    def copy_or_link(source: str, target: str) -> None:
        (os.link if source.endswith(".gz") else shutil.copy2)(source, target)  # data are replaced, but never changed

    made = make_once(tmp_path_factory, "checkout after make run", make_run)
    return shutil.copytree(made, tmp_path / "checkout", symlinks=True, copy_function=copy_or_link)


def make_run(folder: Path) -> None:
    """Run the README's first command in a copy of this checkout."""
    copy_checkout(folder)
    ((_, text), *_) = blocks(ROOT / "README.md")
    command, *_ = text.splitlines()
    assert command == "$ make run"
    with contextlib.ExitStack() as background:
        status, output, errors = run_script(command[2:], folder, page_environment(folder), background)
    assert status == 0, output + errors


def page_marks(page: Path) -> list[pytest.MarkDecorator]:
    return SANDBOX if any("sandbox" in tags for tags, _ in blocks(page)) else [pytest.mark.slow]


@pytest.mark.parametrize(
    "page",
    [pytest.param(page, marks=page_marks(page)) for page in PAGES if blocks(page) and page != MODEL_PAGE],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_the_commands_run_as_printed(page: Path, checkout: Path) -> None:
    run_blocks(page, checkout, lambda tags: not (NOT_RUN | ENGINE) & tags)


@pytest.mark.slow
@template_only
def test_a_model_is_replaced_as_printed(checkout: Path) -> None:
    run_blocks(MODEL_PAGE, checkout, lambda tags: not (NOT_RUN | ENGINE) & tags)


@pytest.mark.machine
@pytest.mark.xdist_group("docker")
def test_the_commands_that_need_an_engine_run_as_printed(checkout: Path) -> None:
    engine()
    for page in PAGES:
        run_blocks(page, checkout, lambda tags: bool(ENGINE & tags))


def run_script(
    script: str, folder: Path, variables: dict[str, str], background: contextlib.ExitStack
) -> tuple[int, str, str]:
    """Run a script in bash; return its exit status, stdout and stderr. background: ends what it leaves running."""
    command = ["bash", "-e", "-o", "pipefail", "-c", script]
    # files and not pipes, which a program in the background would keep open
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            command, cwd=folder, env=variables, stdout=output, stderr=errors, start_new_session=True
        )
        background.callback(end_group, process.pid)
        status = process.wait(timeout=600)
        output.seek(0)
        errors.seek(0)
        return status, output.read(), errors.read()


def end_group(number: int) -> None:
    """End the processes of a group that still run."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(number, signal.SIGTERM)


def page_environment(checkout: Path) -> dict[str, str]:
    """Return the variables of a shell in which the environment is active: that of these tests."""
    assert (Path(sys.prefix) / "ready").exists(), "`make test` creates the environment for these commands"
    if not (checkout / ".venv").exists():
        (checkout / ".venv").symlink_to(sys.prefix)
    variables = {"PATH": f"{checkout / '.venv/bin'}{os.pathsep}{os.environ['PATH']}", "MAKEFLAGS": "", "VENV": ".venv"}
    variables["PYTHONPATH"] = str(checkout / "tools/src")  # the environment is set up for another folder
    return environment() | variables


def run_blocks(page: Path, checkout: Path, is_selected: Callable[[set[str]], bool]) -> None:
    """Run, in order, those of a page's blocks whose tags are selected, and check their output."""
    variables = page_environment(checkout)
    with contextlib.ExitStack() as background:  # a later block may use what an earlier one has started
        for tags, text in blocks(page):
            if not is_selected(set(tags)):
                continue
            lines = text.splitlines()
            script = "\n".join(line[2:] for line in lines if line.startswith(("$ ", "> ")))
            if tags == ["diff"]:
                script = f"patch --strip=1 --no-backup-if-mismatch <<'END'\n{text}END\n"
            status, output, errors = run_script(script, checkout, variables, background)
            assert status == 0, output + errors
            output_lines = [line.rstrip() for line in output.splitlines()]
            for line in lines if IS_TEMPLATE and tags != ["diff"] else ():
                if not line.startswith(("$ ", "> ", "...")):
                    assert line.rstrip() in output_lines, f"{page.name} expects {line!r}; the output was:\n{output}"


def test_each_folder_has_pages() -> None:
    assert {page.parent for page in PAGES} == {ROOT / folder for folder in FOLDERS}


def test_links_lead_to_existing_files() -> None:
    broken = [
        f"{page.relative_to(ROOT)} links to {target}"
        for page in PAGES
        for target in re.findall(r"\]\(([^)#]+)", page.read_text())
        if "//" not in target and not (page.parent / target).exists()
    ]
    assert broken == []
