"""The console: a web page that shows jobs and resources. Its script calls AWS's API on the same port."""

import json
from pathlib import Path

from werkzeug import Request, Response

from stagemaker.protocol.account import REGION

PATH = "/_stagemaker/console/"  # no bucket's name begins with an underscore
HEADER = "X-Stagemaker-Console"  # the service to which a request is sent, as in a signature
SERVICES = ("sagemaker", "s3", "logs", "monitoring")
TEXT = "text/plain; charset=utf-8"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".json": "application/json",
    "": TEXT,
}


class Console:
    """The console's static files. actions: whether its buttons are enabled, as reported in settings.json."""

    def __init__(self, actions: bool) -> None:
        folder = Path(__file__).with_name("static")
        self._files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        self._files["settings.json"] = json.dumps({"actions": actions}).encode()

    def respond(self, request: Request) -> Response:
        """Return the requested file. The path must be below PATH."""
        name = request.path.removeprefix(PATH) or "index.html"
        if request.method not in ("GET", "HEAD") or name not in self._files:
            return Response("The console has no such file", 404, content_type=TEXT)
        # other pages at this address, such as S3 objects, must not contribute to this one. A policy cannot contain
        # an IPv6 address
        source = "'self'" if "[" in request.host else f"{request.host}{PATH}"
        policy = f"default-src 'none'; script-src {source}; style-src {source}; img-src {source}; connect-src 'self'"
        headers = {
            "Content-Security-Policy": f"{policy}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-cache",
        }
        return Response(self._files[name], headers=headers, content_type=TYPES[Path(name).suffix])


def is_console_request(request: Request) -> bool:
    """Return whether a request is for a file of the console or comes from its script.

    A page from another origin cannot send the console's Origin header, and needs a preflight request to send HEADER.
    """
    address = request.host_url.rstrip("/")
    if request.headers.get("Origin", address) != address:
        return False
    is_call = request.headers.get("Sec-Fetch-Site") == "same-origin" and request.headers.get(HEADER) in SERVICES
    return is_call or request.path.startswith(PATH)


def sign(request: Request) -> None:
    """Treat a request from the console's script as if it were signed for the service named in HEADER."""
    if service := request.headers.get(HEADER):
        request.environ["HTTP_AUTHORIZATION"] = f"Credential=console/date/{REGION}/{service}/aws4_request"
