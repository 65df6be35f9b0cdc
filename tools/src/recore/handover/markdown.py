"""Markdown from texts that may come from anyone: nothing in them becomes a link, markup or a line of its own."""

import re
from collections.abc import Iterable, Sequence

from recore.text import plain
from stagemaker import printable

SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&$:@]|(?<=www)\.)", re.IGNORECASE)
WIDEST = 200  # characters of a text from a file


def escape(text: object, widest: int = WIDEST) -> str:
    """A text as words of a paragraph or a cell, whatever it contains."""
    return SPECIAL.sub(r"\\\1", plain(" ".join(str(text).split()), widest))


def code(text: object, widest: int = WIDEST) -> str:
    """A text in the font of code, also within a cell of a table."""
    content = plain(" ".join(str(text).split()), widest).replace("|", "\N{BROKEN BAR}")
    if not content:
        return "(empty)"
    ticks = "`" * (1 + max(map(len, re.findall("`+", content)), default=0))
    return f"{ticks}{content}{ticks}" if "`" not in content else f"{ticks} {content} {ticks}"


def fence(text: str, tag: str = "text") -> str:
    """A text as a fenced block, which no line of the text can end."""
    content = printable(text).rstrip("\n")
    ticks = "`" * max(3, 1 + max(map(len, re.findall("`+", content)), default=0))
    return f"{ticks}{tag}\n{content}\n{ticks}\n"


def table(header: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> str:
    """A table of cells that are Markdown already. left: how many columns are aligned left; the others are right."""
    marks = ["---" if place < left else "---:" for place in range(len(header))]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (header, marks, *rows))
