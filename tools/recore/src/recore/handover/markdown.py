"""Pages from templates, with texts that may come from anyone: nothing in them becomes markup or a line of its own.

In a template, a value is escaped unless a filter has made it Markdown.
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

SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&$:@]|(?<=www)\.)", re.IGNORECASE)
WIDEST = 200  # characters of a text from a file


def render(template: str, **values: Any) -> str:
    return _environment.get_template(template).render(challenge=challenge(), **values)


def escape(text: object, widest: int = WIDEST) -> Markup:
    return _markdown(SPECIAL.sub(r"\\\1", plain(" ".join(str(text).split()), widest)))


def code(text: object, widest: int = WIDEST) -> Markup:
    """Also within a cell of a table."""
    content = plain(" ".join(str(text).split()), widest).replace("|", "\N{BROKEN BAR}")
    if not content:
        return _markdown("(empty)")
    ticks = "`" * (1 + max(map(len, re.findall("`+", content)), default=0))
    return _markdown(f"{ticks}{content}{ticks}" if "`" not in content else f"{ticks} {content} {ticks}")


def fence(text: str, tag: str = "text") -> Markup:
    """No line of the text can end the block."""
    content = printable(text).rstrip("\n")
    ticks = "`" * max(3, 1 + max(map(len, re.findall("`+", content)), default=0))
    return _markdown(f"{ticks}{tag}\n{content}\n{ticks}")


def number(value: float | None, number_format: str = "", unit: str = "") -> str:
    """A number, or - for None. By default it has up to four significant digits."""
    if value is None or math.isnan(value):
        return "-"
    if not number_format:
        value = float(f"{value:.4g}")
        number_format = ",.0f" if abs(value) >= 1000 else ".4g"
    return f"{value:{number_format}}{unit}"


def interval(estimate: Estimate, number_format: str = "") -> str:
    ends = (number(end, number_format) for end in (estimate.low, estimate.high))
    return " to ".join(ends) if estimate.has_interval else "-"


def _markdown(text: str) -> Markup:
    """Markup is Jinja's name for a text that needs no escaping, whatever the language of the page."""
    return Markup(text)  # noqa: S704 - the page is not HTML


def _load(name: str) -> tuple[str, str, Callable[[], bool]]:
    """A template in the words of the challenge in use; one that was loaded for another is loaded again."""
    path, known = Path(__file__).parent / "templates" / name, challenge().group_name
    return reword(path.read_text("utf-8")), str(path), lambda: challenge().group_name == known


_environment = jinja2.Environment(
    loader=jinja2.FunctionLoader(_load),
    autoescape=True,
    finalize=lambda value: value if isinstance(value, Markup) else escape(value),
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    keep_trailing_newline=True,
)
_environment.filters |= {each.__name__: each for each in (code, escape, fence, interval, number)}
