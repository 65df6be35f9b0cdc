"""The page as an ASGI application: static files, the API that the page's script calls, and a form without a script."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from recore.absorption_bands import REGIONS
from recore.web.form import LONGEST_FORM, read_line, render_form
from recore.web.guard import Guard
from recore.web.predictor import EndpointError, Predictor
from recore.web.reception import Reception
from recore.web.uploads import UnusableUploadError, Upload, read_upload
from stagemaker import locked

HERE = Path(__file__).parent
WORKERS = 8  # threads that wait for the endpoint, and on Lambda read files
MOST_UNFINISHED = 32  # uploads that are being received
MOST_WHOLE = 16  # uploads that wait or are read
MOST_FILES = 16  # of the largest size have as many bytes as all uploads together may have

Read = Callable[[str, bytearray], Awaitable[Upload]]  # reads the file of a name and a content


def make_application(
    predictor: Predictor, names: Collection[str] | None = None, needs_key: bool = False, read: Read | None = None
) -> Guard:
    """The application. names: of its host, by default any. needs_key: whether the API in front of it needs a key.

    With a key there is no form, because a form cannot send one. read: reads files, by default in a thread.
    """
    page = PageHandlers(predictor, needs_key, read)
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

    def __init__(self, predictor: Predictor, needs_key: bool, read: Read | None) -> None:
        self._predictor, self._limits = predictor, predictor.limits
        self._html = (HERE / "pages/page.html").read_text("utf-8")
        self._threads = ThreadPoolExecutor(WORKERS, "recore-web")
        self._read = read or self._read_in_thread
        self._reception = Reception(MOST_UNFINISHED, MOST_WHOLE, MOST_FILES * self._limits.largest_file)
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
            async with self._reception.receive(request, self._limits.largest_file, "file") as content:
                upload = await self._read(request.query_params.get("name", ""), content)
                return await self._in_thread(lambda: JSONResponse(self._predictor.predict_upload(upload)))
        except (UnusableUploadError, EndpointError) as error:
            return JSONResponse({"error": str(error)}, error.status)

    async def show_form(self, request: Request) -> Response:
        """Show the form, or answer the line that it posts."""
        number, endpoint = len(self._predictor.channels), self._predictor.endpoint
        if request.method != "POST":
            return HTMLResponse(render_form(endpoint, number))
        line = ""
        try:
            async with self._reception.receive(request, LONGEST_FORM, "line") as body:
                line = read_line(body)
                return await self._in_thread(
                    lambda: HTMLResponse(render_form(endpoint, number, line, answer=self._predictor.predict_line(line)))
                )
        except (UnusableUploadError, EndpointError) as error:
            return HTMLResponse(render_form(endpoint, number, line, problem=str(error)), error.status)

    async def _read_in_thread(self, name: str, content: bytearray) -> Upload:
        def read() -> Upload:
            with locked.temporary_folder("recore-web-") as folder:
                return read_upload(name, content, self._predictor.grid, self._limits, Path(folder))

        return await self._in_thread(read)

    async def _in_thread[Made](self, make: Callable[[], Made]) -> Made:
        """Make something in a thread, so that meanwhile others are answered, too."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, make)


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
