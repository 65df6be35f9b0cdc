"""A page as HTML that asks nothing of any host: style, scripts and figures are all in it.

Plotly's library goes in packed (a third of its size) and is unpacked by the browser. The content security policy lets
run the two scripts that are in the file, told by their hashes, and nothing else; nothing can be fetched or sent.
"""

import base64
import gzip
import hashlib
import json
import math
from functools import cache
from pathlib import Path
from typing import Any

from recore.report.page.content import TABLE_ROWS, Figure, Page, Table

HERE = Path(__file__).parent
MARKUP = ("hovertemplate", "texttemplate")  # ours: markup is meant; everywhere else it is text


def render(page: Page, folder: str) -> str:
    """The HTML of a page whose numbers lie in `folder`, a name beside it."""
    import jinja2
    from markupsafe import Markup

    library, library_hash = _library()
    script = (HERE / "page.js").read_text("utf-8")
    hashes = f"'{_hash(script)}' '{library_hash}'"
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["number"] = _number
    return environment.get_template("page.html").render(
        page=page,
        folder=folder,
        rows=TABLE_ROWS,
        is_figure=lambda item: isinstance(item, Figure),
        is_number=_is_number_column,
        policy=f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'",
        style=Markup((HERE / "page.css").read_text("utf-8")),  # noqa: S704 - a file of ours
        script=Markup(script),  # noqa: S704
        figures=Markup(_json({item.name: _plot(item) for item in page.items if isinstance(item, Figure)})),  # noqa: S704
        library=library if any(isinstance(item, Figure) for item in page.items) else "",
    )


@cache
def _library() -> tuple[str, str]:
    """plotly.js, packed, as text; and the hash by which the browser lets it run."""
    from plotly.offline import get_plotlyjs

    code = get_plotlyjs()
    return base64.b64encode(gzip.compress(code.encode(), 9, mtime=0)).decode(), _hash(code)


def _hash(script: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _plot(figure: Figure) -> dict[str, Any]:
    """A figure as plotly.js takes it: arrays packed by plotly, the data's words without markup."""
    made: dict[str, Any] = json.loads(figure.plot.to_json())
    made["layout"].pop("template", None)
    plain: dict[str, Any] = _without_markup(made)
    return plain


def _without_markup(value: Any, key: str = "") -> Any:
    """Words in which plotly.js would find markup (a link, an image), so written that it shows them as they are."""
    if isinstance(value, dict):
        return {name: _without_markup(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [_without_markup(inner, key) for inner in value]
    if isinstance(value, str) and key not in MARKUP:
        return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return value


def _json(value: Any) -> str:
    """JSON that cannot end the script element that it stands in."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _number(value: Any) -> str:
    """A table's cell: four significant digits, nothing for what is missing."""
    if isinstance(value, float):
        short = f"{value:.4g}"
        return "" if math.isnan(value) else f"{float(short):.0f}" if 1e4 <= abs(value) < 1e9 else short
    return str(value)


def _is_number_column(table: Table, name: str) -> bool:
    return table.numbers[name].dtype.kind in "iuf"
