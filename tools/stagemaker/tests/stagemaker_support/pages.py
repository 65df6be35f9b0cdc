"""Run the fenced commands of documentation pages as printed.

A block tagged `console` is a session: bash runs the lines after `$ ` (`> ` continues a command), and the other lines
must occur in the output, except those that begin with `...`. The tag `self` marks the commands that run these tests.
Other tags state requirements: `login` and `aws`, an account; `docker`, an engine; `sandbox`, bubblewrap. A block
tagged `diff` is applied as a patch; a block tagged `yaml` is not run.
"""

import contextlib
import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from stagemaker_support.sandbox import SANDBOX

FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SKIPPED_TAGS = {"self", "login", "aws", "yaml"}
ENGINE = {"docker"}


def blocks(page: Path) -> list[tuple[list[str], str]]:
    return [(tags.split(), block) for tags, block in FENCE.findall(page.read_text())]


def assert_tagged(page: Path) -> None:
    assert page.read_text().count("```") == 2 * len(blocks(page))
    for tags, _ in blocks(page):
        assert tags in (["diff"], ["yaml"]) or tags[:1] == ["console"], tags
        assert set(tags[1:]) <= SKIPPED_TAGS | ENGINE | {"sandbox"}


def broken_links(pages: Iterable[Path]) -> list[str]:
    return [
        f"{page} links to {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#]+)", page.read_text())
        if "//" not in target and not (page.parent / target).exists()
    ]


def page_marks(page: Path) -> list[pytest.MarkDecorator]:
    return SANDBOX if any("sandbox" in tags for tags, _ in blocks(page)) else [pytest.mark.slow]


def is_independent(tags: set[str]) -> bool:
    return not (SKIPPED_TAGS | ENGINE) & tags


def run_script(
    script: str, folder: Path, variables: dict[str, str], background: contextlib.ExitStack
) -> tuple[int, str, str]:
    """Run a bash script; return its exit status, stdout and stderr. background: a stack that ends its processes."""
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
    with contextlib.suppress(ProcessLookupError):
        os.killpg(number, signal.SIGTERM)


def run_blocks(
    pages: Iterable[Path],
    folder: Path,
    variables: dict[str, str],
    is_selected: Callable[[set[str]], bool] = is_independent,
    checks_output: bool = True,
) -> None:
    """Run the pages' blocks whose tags are selected, in order, and check their output."""
    with contextlib.ExitStack() as background:  # later blocks may use processes of earlier ones
        for page, (tags, block) in ((each, block) for each in pages for block in blocks(each)):
            if not is_selected(set(tags)):
                continue
            lines = block.splitlines()
            script = "\n".join(line[2:] for line in lines if line.startswith(("$ ", "> ")))
            if tags == ["diff"]:
                script = f"patch --strip=1 --no-backup-if-mismatch <<'END'\n{block}END\n"
            status, output, errors = run_script(script, folder, variables, background)
            assert status == 0, output + errors
            output_lines = [line.rstrip() for line in output.splitlines()]
            for line in lines if checks_output and tags != ["diff"] else ():
                if not line.startswith(("$ ", "> ", "...")):
                    assert line.rstrip() in output_lines, f"{page.name} expects {line!r}; the output was:\n{output}"
