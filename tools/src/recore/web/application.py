"""The page as an ASGI application: static files, the API that the page's script calls, and a form without a script."""

import asyncio
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from recore.absorption_bands import REGIONS
from recore.web.form import LONGEST_FORM, read_line, render_form
from recore.web.guard import Guard
from recore.web.predictor import EndpointError, Predictor
from recore.web.uploads import UnusableUploadError, describe_size

HERE = Path(__file__).parent
WORKERS = 8  # threads that parse files and wait for the endpoint
MOST_UPLOADS = 16  # that are in memory at once
UPLOAD_SECONDS = 60  # for a whole upload
DISCARDED = 10  # times the limit: of a larger upload no more is read, so that a client learns why it is refused


def make_application(predictor: Predictor, names: Collection[str] | None = None, needs_key: bool = False) -> Guard:
    """The application. names: of its host, by default any. needs_key: whether the API in front of it needs a key.

    With a key there is no form, because a form cannot send one.
    """
    page = PageHandlers(predictor, needs_key)
    routes: list[Route | Mount] = [
        Route("/", page.show),
        Route("/api/settings", page.describe),
        Route("/api/assays", page.predict, methods=["POST"]),
        Mount("/static", StaticFiles(directory=HERE / "static")),
    ]
    if not needs_key:
        routes.append(Route("/line", page.show_form, methods=["GET", "POST"]))
    application = Starlette(
        routes=routes, exception_handlers={HTTPException: _explain_status, Exception: _explain_status}
    )
    application.router.redirect_slashes = False  # behind API Gateway the address would lack the stage
    return Guard(application, names)


class PageHandlers:
    """The handlers of requests."""

    def __init__(self, predictor: Predictor, needs_key: bool) -> None:
        self._predictor, self._limits = predictor, predictor.limits
        self._html = (HERE / "pages/page.html").read_text("utf-8")
        self._threads = ThreadPoolExecutor(WORKERS, "recore-web")
        self._uploads = asyncio.Semaphore(MOST_UPLOADS)
        self._settings = {
            "endpoint": predictor.endpoint,
            "needs_key": needs_key,
            "largest_file": self._limits.largest_file,
            "most_files": self._limits.most_files,
            "bands": [
                {"name": name, "from": high, "to": low, "meaning": meaning} for name, high, low, meaning, _ in REGIONS
            ],
        }

    async def show(self, request: Request) -> Response:
        return HTMLResponse(self._html)

    async def describe(self, request: Request) -> Response:
        return JSONResponse(self._settings)

    async def predict(self, request: Request) -> Response:
        """Answer an upload, the bytes of one file, whose name is in the query."""
        try:
            if self._uploads.locked():
                raise UnusableUploadError("there are too many uploads at the moment: try again later", 503)
            async with self._uploads:
                content = await _read_body(request, self._limits.largest_file, "file")
                name = request.query_params.get("name", "")
                return await self._in_thread(lambda: JSONResponse(self._predictor.predict_file(name, content)))
        except (UnusableUploadError, EndpointError) as error:
            return JSONResponse({"error": str(error)}, error.status)

    async def show_form(self, request: Request) -> Response:
        """Show the form, or answer the line that it posts."""
        number, endpoint = len(self._predictor.channels), self._predictor.endpoint
        if request.method != "POST":
            return HTMLResponse(render_form(endpoint, number))
        line = ""
        try:
            line = read_line(await _read_body(request, LONGEST_FORM, "line"))
            return await self._in_thread(
                lambda: HTMLResponse(render_form(endpoint, number, line, answer=self._predictor.predict_line(line)))
            )
        except (UnusableUploadError, EndpointError) as error:
            return HTMLResponse(render_form(endpoint, number, line, problem=str(error)), error.status)

    async def _in_thread(self, make: Callable[[], Response]) -> Response:
        """Make an answer in a thread, so that meanwhile others are answered, too."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, make)


async def _read_body(request: Request, largest: int, noun: str) -> bytes:
    """Read an upload. noun: what it is. Raises UnusableUploadError if it is empty, too large or too slow."""
    content, size = bytearray(), 0
    try:
        async with asyncio.timeout(UPLOAD_SECONDS):
            async for part in request.stream():
                size += len(part)
                if size <= largest:
                    content += part
                elif size > DISCARDED * largest:
                    break
    except TimeoutError:
        raise UnusableUploadError(f"the upload took longer than {UPLOAD_SECONDS} seconds", 408) from None
    except ClientDisconnect:
        raise UnusableUploadError("the upload was interrupted", 400) from None
    if size > largest:
        raise UnusableUploadError(f"it is larger than {describe_size(largest)}, the largest that is read", 413)
    if not size:
        raise UnusableUploadError(f"the {noun} is empty")
    return bytes(content)


async def _explain_status(request: Request, error: Exception) -> Response:
    """Answer a request for an address or a method that does not exist, or that failed unexpectedly."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    reasons = {
        404: "there is no such page",
        405: "this address does not have this method",
        500: "this failed; the log of the page says why",
    }
    headers = error.headers if isinstance(error, HTTPException) else None
    return JSONResponse({"error": reasons.get(status, "the request cannot be answered")}, status, headers)
