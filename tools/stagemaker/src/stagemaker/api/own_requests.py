"""The simulator's requests to itself: boto3 clients that call the application without a connection.

They need no thread of the HTTP server, which a crowd of clients can occupy, and work before it handles requests.
"""

import io
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from botocore import UNSIGNED
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from werkzeug.test import create_environ, run_wsgi_app

from stagemaker.protocol.account import REGION
from stagemaker.state.s3_folder import Wsgi

# names the service of a request without a signature, which nobody checks
S3_HEADERS = {"Authorization": f"AWS4-HMAC-SHA256 Credential=simulator/20260101/{REGION}/s3/aws4_request"}


class ResponseBody(io.BytesIO):
    """The body of a response, as botocore reads it."""

    def stream(self) -> Iterator[bytes]:
        yield self.read()


def call_directly(client: Any, application: Wsgi) -> None:

    def send(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        url, body = urlsplit(request.url), request.body or b""
        content = body.read() if hasattr(body, "read") else body.encode() if isinstance(body, str) else body
        environ = create_environ(
            f"{url.path}?{url.query}",
            f"http://{url.netloc}",
            # the body ends by itself, so that it is not copied
            environ_base={"REMOTE_ADDR": "127.0.0.1", "wsgi.input_terminated": True},
            headers=S3_HEADERS
            | {name: value.decode() if isinstance(value, bytes) else value for name, value in request.headers.items()},
            input_stream=io.BytesIO(content),
            content_length=len(content),
            method=request.method,
        )
        chunks, status, headers = run_wsgi_app(application, environ, buffered=True)
        return AWSResponse(request.url, int(status.split()[0]), headers, ResponseBody(b"".join(chunks)))

    client.meta.events.register("before-send", send)
    # a signature would need the hash of an object's content
    client.meta.events.register("choose-signer.s3.PutObject", lambda **_: UNSIGNED)
