"""Guard all requests: add strict headers, accept only known host names, reject other sites, and hide tracebacks."""

import ipaddress
import logging
from collections.abc import Collection
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
    """Middleware that adds the headers, rejects requests from other sites, and logs each failure in one line.

    names: this host's names, or None to accept every name.
    """

    def __init__(self, application: ASGIApp, names: Collection[str] | None) -> None:
        self._application = application
        self._names = None if names is None else {name.lower() for name in names}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                is_static = scope["path"].startswith("/static/")
                headers["Cache-Control"] = "no-cache" if is_static else "no-store"
            await send(message)

        headers = Headers(scope=scope)
        application = self._application
        if self._names is not None and not _is_known(headers.get("host", ""), self._names):
            application = JSONResponse({"error": "unknown host name; add it with the option --name"}, 400)
        elif scope["method"] == "POST" and _is_foreign(headers):
            application = JSONResponse({"error": "this request was sent by another site"}, 403)
        try:
            await application(scope, receive, send_with_headers)
        except Exception as error:  # the response had status 500
            log.error("%s %s: %s", scope["method"], plain(scope["path"], 100), plain(repr(error), 400))


def _is_known(host: str, names: Collection[str]) -> bool:
    """Return whether a `Host` header names one of these hosts or an IP address.

    Another site can point its own name to this host (DNS rebinding), and its pages then have the same origin. An IP
    address cannot be rebound.
    """
    try:
        name = urlsplit(f"//{host}").hostname or ""
        if name in names:
            return True
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_foreign(headers: Headers) -> bool:
    if site := headers.get("sec-fetch-site"):
        return site not in ("same-origin", "none")
    if (origin := headers.get("origin")) is None:
        return False
    try:
        return not (host := urlsplit(origin).netloc) or host != headers.get("host")
    except ValueError:  # not a URL
        return True
