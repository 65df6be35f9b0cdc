"""What holds for every answer: strict headers, no request from another site's page, no traceback."""

import logging
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from recore.text import plain

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
log = logging.getLogger("recore.web")


class Guard:
    """Adds the headers, and answers a request from another site's page, or that fails, in one line."""

    def __init__(self, application: ASGIApp) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        has_begun = False

        async def send_with_headers(message: Message) -> None:
            nonlocal has_begun
            if message["type"] == "http.response.start":
                has_begun = True
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                is_static = scope["path"].startswith("/static/")
                headers["Cache-Control"] = "no-cache" if is_static else "no-store"
            await send(message)

        try:
            if scope["method"] == "POST" and _is_foreign(Headers(scope=scope)):
                refusal = JSONResponse({"error": "another site's page sent this request"}, 403)
                await refusal(scope, receive, send_with_headers)
            else:
                await self._application(scope, receive, send_with_headers)
        except Exception as error:
            log.error("%s %s: %s", scope["method"], plain(scope["path"], 100), plain(repr(error), 400))
            if not has_begun:
                failure = JSONResponse({"error": "this failed; the log of the page says why"}, 500)
                await failure(scope, receive, send_with_headers)


def _is_foreign(headers: Headers) -> bool:
    """Whether a browser sent a request for a page of another site."""
    if site := headers.get("sec-fetch-site"):
        return site not in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != headers.get("host")
