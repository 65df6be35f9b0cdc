"""The simulator's requests to itself: boto3 clients that call the application without a connection.

They need no thread of the HTTP server, which a crowd of clients can occupy, and work before it handles requests.
"""

import io
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

from botocore import UNSIGNED
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from werkzeug.test import create_environ, run_wsgi_app

from stagemaker.protocol.account import REGION

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
# of a request without a signature
S3_HEADERS = {"Authorization": f"AWS4-HMAC-SHA256 Credential=simulator/20260101/{REGION}/s3/aws4_request"}


class RequestBody:
    """Reads the body of a request, and keeps the exception that reading it raises.

    The application responds to every exception with an error, but this one is the caller's own.
    """

    error: BaseException | None = None

    def __init__(self, body: Any):
        self._file = body if hasattr(body, "read") else io.BytesIO(body.encode() if isinstance(body, str) else body)

    def read(self, size: int = -1) -> bytes:
        try:
            return bytes(self._file.read(size))
        except BaseException as error:
            self.error = error
            raise


class ResponseBody(io.RawIOBase):
    """Reads a response as it is made, so that an object need not be in memory."""

    def __init__(self, chunks: Iterable[bytes]):
        self._chunks, self._rest = iter(chunks), memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            try:
                self._rest = memoryview(next(self._chunks))
            except StopIteration:
                return 0
        count = min(len(buffer), len(self._rest))
        buffer[:count], self._rest = self._rest[:count], self._rest[count:]
        return count

    def read(self, size: int | None = -1) -> bytes | None:
        """Return the next bytes. size: botocore passes None for all of them."""
        return super().read(-1 if size is None else size)

    def stream(self) -> Iterator[bytes]:
        """Yield the body, as botocore reads that of a response which is not streamed."""
        yield self.readall()


def call_directly(client: Any, application: Wsgi) -> None:
    """Make a boto3 client pass its requests to an application."""

    def send(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        url, body = urlsplit(request.url), RequestBody(request.body or b"")
        environ = create_environ(
            f"{url.path}?{url.query}",
            f"http://{url.netloc}",
            environ_base={"REMOTE_ADDR": "127.0.0.1", "wsgi.input_terminated": True},
            headers=S3_HEADERS
            | {name: value.decode() if isinstance(value, bytes) else value for name, value in request.headers.items()},
            method=request.method,
        )
        chunks, status, headers = run_wsgi_app(application, environ | {"wsgi.input": body})
        if body.error:
            raise body.error
        return AWSResponse(request.url, int(status.split()[0]), headers, ResponseBody(chunks))

    client.meta.events.register("before-send", send)
    # a signature would need the hash of an object's content, and is not checked
    client.meta.events.register("choose-signer.s3.PutObject", lambda **_: UNSIGNED)
