"""Render Markdown pages from templates with untrusted values, which can add neither markup nor lines.

In a template, a value is escaped unless a filter has turned it into Markdown.
"""

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from recore.challenge import challenge, reword
from recore.handover.hole_spread import Estimate
from recore.text import plain
from stagemaker import printable

SPECIAL_CHARACTERS = re.compile(r"([\\`*_{}\[\]<>#|~&$:@]|(?<=www)\.)", re.IGNORECASE)
MAX_WIDTH = 200  # maximum number of characters in a value


def render(template: str, **values: Any) -> str:
    return _environment.get_template(template).render(challenge=challenge(), **values)


def escape(value: object, max_width: int = MAX_WIDTH) -> Markup:
    return _markdown(SPECIAL_CHARACTERS.sub(r"\\\1", plain(" ".join(str(value).split()), max_width)))


def code(value: object, max_width: int = MAX_WIDTH) -> Markup:
    """Return a value as inline code that is valid in table cells."""
    content = plain(" ".join(str(value).split()), max_width).replace("|", "\N{BROKEN BAR}")
    if not content:
        return _markdown("(empty)")
    ticks = "`" * (1 + max(map(len, re.findall("`+", content)), default=0))
    return _markdown(f"{ticks}{content}{ticks}" if "`" not in content else f"{ticks} {content} {ticks}")


def fence(content: str, tag: str = "text") -> Markup:
    """Return a fenced code block that no line of the content can close."""
    content = printable(content).rstrip("\n")
    ticks = "`" * max(3, 1 + max(map(len, re.findall("`+", content)), default=0))
    return _markdown(f"{ticks}{tag}\n{content}\n{ticks}")


def number(value: float | None, number_format: str = "", unit: str = "") -> str:
    """Format a number, by default with up to four significant digits. None and NaN become "-"."""
    if value is None or math.isnan(value):
        return "-"
    if not number_format:
        value = float(f"{value:.4g}")
        number_format = ",.0f" if abs(value) >= 1000 else ".4g"
    return f"{value:{number_format}}{unit}"


def interval(estimate: Estimate, number_format: str = "") -> str:
    ends = (number(end, number_format) for end in (estimate.low, estimate.high))
    return " to ".join(ends) if estimate.has_interval else "-"


def _markdown(content: str) -> Markup:
    return Markup(content)  # noqa: S704 - the page is not HTML


def _load(name: str) -> tuple[str, str, Callable[[], bool]]:
    """Load a template, worded for the current challenge. Jinja reloads it when the challenge changes."""
    path, group_name = Path(__file__).parent / "templates" / name, challenge().group_name
    return reword(path.read_text("utf-8")), str(path), lambda: challenge().group_name == group_name


_environment = jinja2.Environment(
    loader=jinja2.FunctionLoader(_load),
    autoescape=True,
    finalize=lambda value: value if isinstance(value, Markup) else escape(value),
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    keep_trailing_newline=True,
)
_environment.filters |= {each.__name__: each for each in (code, escape, fence, interval, number)}
