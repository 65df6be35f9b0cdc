"""Run the fenced blocks of documentation pages as a reader pastes them: in order, in one terminal.

bash     commands; with `self`, the commands that run these tests. Other tags are requirements: `login` and `aws`, an
         account; `docker`, an engine; `sandbox`, bubblewrap
text     the complete stdout of the bash block above, where `...` stands for any lines. With `varies`, a word with a
         digit stands for any word
python   a file; also yaml and toml. The line above names it: `name.py`: or Add to `name.py`:
diff     a patch, which is applied
"""

import contextlib
import itertools
import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from stagemaker_support.sandbox import SANDBOX

FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE_NAME = re.compile(r"(Add to )?`([\w./-]+)`:\n\n?\Z")
SKIPPED_TAGS = {"self", "login", "aws"}
ENGINE = {"docker"}
TAGS = {"bash": SKIPPED_TAGS | ENGINE | {"sandbox"}, "text": {"varies"}, "diff": set()}
FILES = {"python", "yaml", "toml"}
END = "--- end of a block ---"
NOT_PASTEABLE = re.compile(r"^ *(\$ |> |>>> )|<<-?['\"\w]", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block. file: the name on the line above, or an empty string. appends: to an existing file."""

    language: str
    tags: set[str]
    content: str
    file: str = ""
    appends: bool = False


def blocks(page: Path) -> list[Block]:
    found = []
    text = page.read_text("utf-8")
    for match in FENCE.finditer(text):
        language, *tags = match[1].split() or [""]
        name = FILE_NAME.search(text, 0, match.start()) if language in FILES else None
        found.append(Block(language, set(tags), match[2], name[2] if name else "", bool(name and name[1])))
    return found


def check_blocks(page: Path) -> list[Block]:
    """Check that every block of a page can be pasted or belongs to one that can, and return the blocks."""
    found = blocks(page)
    assert page.read_text("utf-8").count("```") == 2 * len(found)
    for before, block in itertools.pairwise([None, *found]):
        assert block.tags <= TAGS.get(block.language, set()), (block.language, block.tags)
        assert block.language in TAGS or block.language in FILES, block
        assert block.language != "text" or (before and before.language == "bash"), f"output without commands: {block}"
        assert block.language != "python" or block.file, f"no file name on the line above: {block}"
        assert block.language not in ("bash", "python") or not NOT_PASTEABLE.search(block.content), block
    return found


def broken_links(pages: Iterable[Path]) -> list[str]:
    """Return the links whose file, or whose heading in it, does not exist."""
    broken = []
    for page in pages:
        for name, anchor in re.findall(r"\]\(([^)#\s]*)#?([^)\s]*)\)", page.read_text("utf-8")):
            target = page.parent / name if name else page
            if "//" not in name and not (target.exists() and (not anchor or anchor in anchors(target))):
                broken.append(f"{page} links to {name}#{anchor}")
    return broken


def anchors(page: Path) -> list[str]:
    """Return the anchors that GitHub gives to a page's headings."""
    headings = re.findall("^#+ (.*)", FENCE.sub("", page.read_text("utf-8")), re.MULTILINE)
    return [re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings]


def page_marks(page: Path) -> list[pytest.MarkDecorator]:
    return SANDBOX if any("sandbox" in block.tags for block in blocks(page)) else [pytest.mark.slow]


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
        status = process.wait(timeout=1800)
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
    """Run the pages' blocks in one shell, in order, and check the output. is_selected: whether bash blocks with these
    tags run."""
    found = [block for page in pages for block in blocks(page)]
    with tempfile.TemporaryDirectory() as contents, contextlib.ExitStack() as background:
        lines, expected = [], []  # expected: of the blocks in `lines`
        for number, block in enumerate(found):
            if block.language == "text" or (block.language == "bash" and not is_selected(block.tags)):
                continue
            path = Path(contents, str(number))
            path.write_text(block.content, "utf-8")
            if block.language == "bash":
                lines.append(block.content)
            elif block.language == "diff":
                lines.append(f"patch --strip=1 --no-backup-if-mismatch < {path}")
            elif block.file:
                lines.append(f"cat {path} {'>>' if block.appends else '>'} {block.file}")
            else:
                continue
            lines.append(f"echo {END}")
            after = found[number + 1 : number + 2]
            expected.append(after[0] if after and after[0].language == "text" else None)
        status, output, errors = run_script("\n".join(lines), folder, variables, background)
    *outputs, rest = output.split(f"{END}\n")
    assert status == 0, f"{outputs[-1:]}\n{rest}\n{errors}"
    for block, printed in zip(expected, outputs, strict=True) if checks_output else ():
        if block and not output_pattern(block).fullmatch(printed):
            pytest.fail(f"the page has\n{block.content}\nand the output is\n{printed}")


def output_pattern(block: Block) -> re.Pattern[str]:
    """Return a pattern for the output that a text block describes."""
    return re.compile("".join(map(line_pattern, block.content.splitlines(), itertools.repeat("varies" in block.tags))))


def line_pattern(line: str, varies: bool) -> str:
    if line == "...":
        return r"(?:.*\n)*?"
    words = [r"\S+" if re.search(r"\d", word) else re.escape(word) for word in line.split()]
    return (r"\s*" + r"[^\S\n]+".join(words) if varies else re.escape(line.rstrip())) + r"[^\S\n]*\n"
