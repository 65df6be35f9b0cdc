"""The page as an ASGI application with static files, an API for the page's script, and a form that needs no script."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from html import escape
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from recore.absorption_bands import REGIONS
from recore.challenge import challenge
from recore.web.guard import Guard
from recore.web.predictor import EndpointError, Predictor
from recore.web.reception import Reception
from recore.web.uploads import UnusableUploadError, Upload, read_upload
from stagemaker import locked

HERE = Path(__file__).parent
FORM = Template((HERE / "pages/form.html").read_text("utf-8"))
MAX_FORM_SIZE = 1 << 20  # bytes
WORKERS = 8  # threads that wait for the endpoint and, on Lambda, read files
MAX_UNFINISHED = 32  # uploads that are being received
MAX_COMPLETE = 16  # uploads that wait or are being read
MAX_FILES_IN_MEMORY = 16  # multiple of the maximum size, which limits the bytes of all uploads together

Reader = Callable[[str, bytearray], Awaitable[Upload]]  # reads a file, given its name and content


def make_application(
    predictor: Predictor, names: Collection[str] | None = None, needs_key: bool = False, read: Reader | None = None
) -> Guard:
    """Return the application. names: accepted host names, by default any. read: file reader, by default in a thread.

    needs_key: whether the API needs a key. If so, there is no form, because a form cannot send a key.
    """
    page = PageHandlers(predictor, needs_key, read)
    routes: list[Route | Mount] = [
        Route("/", page.show),
        Route("/api/settings", page.get_settings),
        Route("/api/assays", page.predict, methods=["POST"]),
        Mount("/static", StaticFiles(directory=HERE / "static")),
    ]
    if not needs_key:
        routes.append(Route("/line", page.show_form, methods=["GET", "POST"]))
    application = Starlette(
        routes=routes, exception_handlers={HTTPException: _explain_status, Exception: _explain_status}
    )
    application.router.redirect_slashes = False  # behind API Gateway, the address would lack the stage
    return Guard(application, names)


class PageHandlers:
    """The page's request handlers."""

    def __init__(self, predictor: Predictor, needs_key: bool, read: Reader | None) -> None:
        self._predictor, self._limits = predictor, predictor.limits
        page = Template((HERE / "pages/page.html").read_text("utf-8"))
        self._html = page.substitute(subject=escape(challenge().subject))
        self._threads = ThreadPoolExecutor(WORKERS, "recore-web")
        self._read = read or self._read_in_thread
        self._reception = Reception(MAX_UNFINISHED, MAX_COMPLETE, MAX_FILES_IN_MEMORY * self._limits.max_file_size)
        self._settings = {
            "endpoint": predictor.endpoint,
            "needs_key": needs_key,
            "example": challenge().example,
            "largest_file": self._limits.max_file_size,
            "most_files": self._limits.max_files,
            "bands": [
                {"name": name, "from": high, "to": low, "meaning": meaning} for name, high, low, meaning, _ in REGIONS
            ],
        }

    async def show(self, request: Request) -> Response:
        return HTMLResponse(self._html)

    async def get_settings(self, request: Request) -> Response:
        return JSONResponse(self._settings)

    async def predict(self, request: Request) -> Response:
        """Return an uploaded file's spectra with predicted assays. The file is the body; its name is in the query."""
        try:
            async with self._reception.receive(request, self._limits.max_file_size, "file") as content:
                upload = await self._read(request.query_params.get("name", ""), content)
                return await self._run_in_thread(lambda: JSONResponse(self._predictor.predict_upload(upload)))
        except (UnusableUploadError, EndpointError) as error:
            return JSONResponse({"error": str(error)}, error.status)

    async def show_form(self, request: Request) -> Response:
        """Show the form and, after a POST, the assays predicted for the submitted line."""
        number, endpoint = len(self._predictor.channels), self._predictor.endpoint
        if request.method != "POST":
            return HTMLResponse(render_form(endpoint, number))
        line = ""
        try:
            async with self._reception.receive(request, MAX_FORM_SIZE, "line") as body:
                line = read_line(body)
                return await self._run_in_thread(
                    lambda: HTMLResponse(render_form(endpoint, number, line, sample=self._predictor.predict_line(line)))
                )
        except (UnusableUploadError, EndpointError) as error:
            return HTMLResponse(render_form(endpoint, number, line, problem=str(error)), error.status)

    async def _read_in_thread(self, name: str, content: bytearray) -> Upload:
        def read() -> Upload:
            with locked.temporary_folder("recore-web-") as folder:
                return read_upload(name, content, self._predictor.grid, self._limits, Path(folder))

        return await self._run_in_thread(read)

    async def _run_in_thread[Result](self, function: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function)


async def _explain_status(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    reasons = {
        404: "this page does not exist",
        405: "this address does not support this method",
        500: "the request failed; the reason is in the page's log",
    }
    headers = error.headers if isinstance(error, HTTPException) else None
    return JSONResponse({"error": reasons.get(status, "the request could not be processed")}, status, headers)


def read_line(body: bytes | bytearray) -> str:
    """Return the value of the form's field `line`. Raises UnusableUploadError if it is missing or empty."""
    try:
        fields = parse_qs(body.decode(), max_num_fields=10)
    except ValueError:
        raise UnusableUploadError("the request was not sent by this page's form") from None
    if not (line := fields.get("line", [""])[0].strip()):
        raise UnusableUploadError("the line is empty")
    return line


def render_form(
    endpoint: str, channels: int, line: str = "", problem: str = "", sample: dict[str, Any] | None = None
) -> str:
    """Render the page with the form and, below it, a problem or the assays predicted for a line."""
    output = f'<p class="trouble" role="alert">{escape(problem)}</p>' if problem else ""
    if sample:
        output = _render_sample(sample)
    return FORM.substitute(endpoint=escape(endpoint), channels=f"{channels:,}", line=escape(line), result=output)


def _render_sample(sample: dict[str, Any]) -> str:
    names = ("Assay", "Value", "Unit", "90% interval", "Flags")
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    rows = "".join(_render_row(name, assay) for name, assay in sample["assays"].items())
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    region = f'<div class="scroll" tabindex="0" role="region" aria-label="Assays">{table}</div>'
    return f'<section id="assays"><h2>Assays</h2>{_render_domain(sample.get("domain"))}{region}</section>'


def _render_row(name: str, assay: dict[str, Any]) -> str:
    low, high = assay["interval"] or (None, None)
    interval = "" if low is None else f"{_to_json_number(low)} to {_to_json_number(high)}"
    cells = [_to_json_number(assay["value"]), assay["unit"], interval, ", ".join(assay["flags"])]
    attributes = ' class="number"', "", ' class="number"', ""
    row = "".join(f"<td{attribute}>{escape(cell)}</td>" for attribute, cell in zip(attributes, cells, strict=True))
    return f'<tr><th scope="row">{escape(name)}</th>{row}</tr>'


def _render_domain(domain: dict[str, Any] | None) -> str:
    if domain is None:
        return ""
    like = "is like" if domain["inside"] else "is unlike"
    distance = f"{_to_json_number(domain['distance'])} times the limit"
    return f"<p>The spectrum {like} the training spectra; its distance is {distance}.</p>"


def _to_json_number(value: float | None) -> str:
    if value is None:
        return ""
    digits = f"{value:.4g}"
    return f"{float(digits):.0f}" if 1e4 <= abs(value) < 1e9 else digits
