"""Render a page as a single HTML file that works offline: it contains its style, scripts and figures.

plotly.js is stored compressed, and the browser unpacks it. The content security policy allows only the two scripts in
the file, which it identifies by their hashes; the page can neither fetch nor send anything.
"""

import base64
import contextlib
import gzip
import hashlib
import json
import math
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from recore.challenge import reword
from recore.report.page.content import TABLE_ROWS, Figure, Page

HERE = Path(__file__).parent
MARKUP = ("hovertemplate", "texttemplate")  # keys whose values come from this package and may contain markup


def render(page: Page, folder: str) -> str:
    """Return the HTML of a page. folder: the name of the folder, next to the file, that contains the numbers."""
    import jinja2
    from markupsafe import Markup

    library, library_hash = _library()
    script = (HERE / "page.js").read_text("utf-8")
    hashes = f"'{_hash(script)}' '{library_hash}'"
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=lambda value: reword(value) if type(value) is str else value,
    )
    environment.filters["number"] = _format_number
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "allow_nan": False}
    figures = {item.name: _plot(item) for item in page.items if isinstance(item, Figure)}
    return environment.get_template("page.html").render(
        page=page,
        folder=folder,
        rows=TABLE_ROWS,
        is_figure=lambda item: isinstance(item, Figure),
        is_number=lambda table, name: table.numbers[name].dtype.kind in "iuf",
        policy=f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'",
        style=Markup((HERE / "page.css").read_text("utf-8")),  # noqa: S704 - this package's own file
        script=Markup(script),  # noqa: S704
        figures=figures,
        library=library if figures else "",
    )


@cache
def _library() -> tuple[str, str]:
    """Return plotly.js, compressed and Base64-encoded, and the script's hash for the content security policy."""
    from plotly.offline import get_plotlyjs

    code = get_plotlyjs()
    return base64.b64encode(gzip.compress(code.encode(), 9, mtime=0)).decode(), _hash(code)


def _hash(script: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _plot(figure: Figure) -> dict[str, Any]:
    plot: dict[str, Any] = json.loads(figure.plot.to_json())
    plot["layout"].pop("template", None)
    if figure.layouts:
        plot["layout"]["meta"] = plot["layout"].get("meta", {}) | {"layouts": figure.layouts}
    return {name: _prepare(value, name) for name, value in plot.items()}


def _prepare(value: Any, key: str = "") -> Any:
    """Convert arrays to single precision, and escape strings that plotly.js would parse as markup."""
    if isinstance(value, dict):
        if value.get("dtype") == "f8":  # single precision is enough for a figure, unless a number is too large for it
            with contextlib.suppress(FloatingPointError), np.errstate(over="raise"):
                numbers = np.frombuffer(base64.b64decode(value["bdata"]), "<f8").astype("<f4")
                value = value | {"dtype": "f4", "bdata": base64.b64encode(numbers).decode()}
        return {name: _prepare(_reword_label(inner, name), name) for name, inner in value.items()}
    if isinstance(value, list):
        return [_prepare(inner, key) for inner in value]
    if isinstance(value, str) and key not in MARKUP:
        return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return value


def _reword_label(value: Any, key: str) -> Any:
    """Reword a title or a name in the challenge's terms. Lists of strings are data and remain unchanged."""
    return reword(value) if isinstance(value, str) and key != "bdata" else value


def _format_number(value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    if math.isnan(value):
        return ""
    digits = f"{value:.4g}"
    return f"{float(digits):.0f}" if 1e4 <= abs(value) < 1e9 else digits
