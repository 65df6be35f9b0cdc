"""The console: a web page that shows what runs. Its script is one more client of AWS's API, on the same port."""

import json
from pathlib import Path

from werkzeug import Request, Response

from stagemaker.protocol.account import REGION

PATH = "/_stagemaker/console/"  # no bucket's name begins with an underscore
HEADER = "X-Stagemaker-Console"  # names the service that a request is for, as a signature does
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
    """The files of the page. actions: whether its buttons are enabled, which its script reads as settings.json."""

    def __init__(self, actions: bool) -> None:
        folder = Path(__file__).with_name("static")
        self._files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        self._files["settings.json"] = json.dumps({"actions": actions}).encode()

    def respond(self, request: Request) -> Response:
        """Return the file that a request for a path below PATH asks for."""
        name = request.path.removeprefix(PATH) or "index.html"
        if request.method not in ("GET", "HEAD") or name not in self._files:
            return Response("The console has no such file", 404, content_type=TEXT)
        # other pages of this address, such as an object on S3, may not contribute to this one. A policy cannot name
        # an address of IPv6
        own = "'self'" if "[" in request.host else f"{request.host}{PATH}"
        policy = f"default-src 'none'; script-src {own}; style-src {own}; img-src {own}; connect-src 'self'"
        headers = {
            "Content-Security-Policy": f"{policy}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-cache",
        }
        return Response(self._files[name], headers=headers, content_type=TYPES[Path(name).suffix])


def is_own(request: Request) -> bool:
    """Return whether the console sent a request: for one of its files, or as its script, which names a service.

    A page of another origin can send neither this Origin nor, without asking first, the header.
    """
    address = request.host_url.rstrip("/")
    if request.headers.get("Origin", address) != address:
        return False
    is_call = request.headers.get("Sec-Fetch-Site") == "same-origin" and request.headers.get(HEADER) in SERVICES
    return is_call or request.path.startswith(PATH)


def sign(request: Request) -> None:
    """Let a call of the script count as signed for the service that it names."""
    if service := request.headers.get(HEADER):
        request.environ["HTTP_AUTHORIZATION"] = f"Credential=console/date/{REGION}/{service}/aws4_request"
