"""A form that posts one line of CSV and gets HTML, for programs and browsers without scripts."""

from html import escape
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import parse_qs

from recore.web.uploads import UnusableUploadError

LONGEST_FORM = 1 << 20  # bytes
PAGE = Template((Path(__file__).parent / "pages/form.html").read_text("utf-8"))


def read_line(body: bytes | bytearray) -> str:
    """Return the field `line` of a form. Raises UnusableUploadError if it is missing."""
    try:
        fields = parse_qs(body.decode(), max_num_fields=10)
    except ValueError:
        raise UnusableUploadError("this is not what the form posts") from None
    if not (line := fields.get("line", [""])[0].strip()):
        raise UnusableUploadError("the line is empty")
    return line


def render_form(
    endpoint: str, channels: int, line: str = "", problem: str = "", answer: dict[str, Any] | None = None
) -> str:
    """The page with the form, and below it a problem, or the answer to a line."""
    result = f'<p class="trouble" role="alert">{escape(problem)}</p>' if problem else ""
    if answer:
        result = _render_answer(answer)
    return PAGE.substitute(endpoint=escape(endpoint), channels=f"{channels:,}", line=escape(line), result=result)


def _render_answer(answer: dict[str, Any]) -> str:
    names = ("Assay", "Value", "Unit", "90 % interval", "Flags")
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    rows = "".join(_render_row(name, assay) for name, assay in answer["assays"].items())
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    region = f'<div class="scroll" tabindex="0" role="region" aria-label="Assays">{table}</div>'
    return f'<section id="assays"><h2>Assays</h2>{_render_domain(answer.get("domain"))}{region}</section>'


def _render_row(name: str, assay: dict[str, Any]) -> str:
    low, high = assay["interval"] or (None, None)
    interval = "" if low is None else f"{_number(low)} to {_number(high)}"
    cells = [_number(assay["value"]), assay["unit"], interval, ", ".join(assay["flags"])]
    kinds = ' class="number"', "", ' class="number"', ""
    row = "".join(f"<td{kind}>{escape(cell)}</td>" for kind, cell in zip(kinds, cells, strict=True))
    return f'<tr><th scope="row">{escape(name)}</th>{row}</tr>'


def _render_domain(domain: dict[str, Any] | None) -> str:
    if domain is None:
        return ""
    like = "is like" if domain["inside"] else "is unlike"
    distance = f"{_number(domain['distance'])} times the limit"
    return f"<p>The spectrum {like} the training spectra: its distance is {distance}.</p>"


def _number(value: float | None) -> str:
    """Four significant digits."""
    if value is None:
        return ""
    digits = f"{value:.4g}"
    return f"{float(digits):.0f}" if 1e4 <= abs(value) < 1e9 else digits
