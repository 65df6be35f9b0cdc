"""The HTTP server: waitress, extended for the clients of S3 and SageMaker.

One thread reads all sockets and dispatches only complete requests, so that a slow or silent client occupies a
connection but no worker. Large bodies are stored on disk, in unnamed files that disappear with the process.
"""

import contextlib
import io
import logging
import re
import resource
import socket
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote_to_bytes

from waitress import wasyncore
from waitress.buffers import OverflowableBuffer, ReadOnlyFileBasedBuffer
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.receiver import ChunkedReceiver
from waitress.server import create_server
from waitress.task import ErrorTask, ThreadedTaskDispatcher, WSGITask
from waitress.utilities import BadRequest, Error

from stagemaker.api.responses import FULL_DISK, HEADER_NAMES, error_response, json_error_response, signed_service
from stagemaker.protocol.errors import ServiceError
from stagemaker.text import printable_logger

MAX_CONNECTIONS = 2000
WORKERS = 100  # threads for all requests except invocations
INVOCATION_PREFIX = "/endpoints/"  # prefix of the paths of invocations
SILENCE_TIMEOUT = 60  # seconds; a client that sends nothing for this long in the middle of a request is disconnected
MAX_LINE_BYTES = 4 << 10  # maximum size of a line between chunks of a body
DISK_THRESHOLD = 1 << 20  # bytes; larger bodies are stored on disk
CLOSE_TIMEOUT = 10.0  # seconds for requests in progress to end
ERROR_CODES = {413: "RequestEntityTooLarge", 431: "RequestHeaderFieldsTooLarge", 501: "NotImplemented"}
URL_ORIGIN = re.compile("(?:[^/?#:]+://[^/?#]*)?/*")  # the scheme and host of a URL, and the path's leading slashes
USER_METADATA = re.compile(rb"^(x-amz-meta-[^:\s]*_[^:\s]*):[ \t]*([^\r\n]*)", re.IGNORECASE | re.MULTILINE)

logger = printable_logger(__name__)
printable_logger("waitress").setLevel(logging.ERROR)  # no warnings about waiting requests and disconnected clients


class HttpServer:
    """An HTTP server that serves a WSGI application on a listening socket, from `start` to `close`.

    workers: the number of threads for all requests except invocations. silence_timeout: the number of seconds after
    which a silent client is disconnected.
    """

    def __init__(
        self,
        application: Callable[..., Any],
        listener: socket.socket,
        workers: int = WORKERS,
        silence_timeout: int = SILENCE_TIMEOUT,
    ):
        self._application, self._listener = application, listener
        self._worker_count, self._silence_timeout = workers, silence_timeout
        self._sockets: dict[int, Any] = {}
        self._workers = RequestThreads()
        self._exit_stack = contextlib.ExitStack()  # callbacks, called in reverse order
        self._stopping = False

    def start(self) -> None:
        """Start handling requests. If `start` is interrupted, `close` stops the parts that have started."""
        self._exit_stack.callback(wasyncore.close_all, self._sockets, ignore_all=True)
        self._server = create_server(
            self._application,
            map=self._sockets,
            sockets=[self._listener],
            _dispatcher=self._workers,
            channel_timeout=self._silence_timeout,
            **waitress_settings(),
        )
        self._server.channel_class = Channel
        thread = threading.Thread(target=self._serve, name="http", daemon=True)
        self._exit_stack.callback(self._end_thread, thread)
        self._exit_stack.callback(self._end_requests)
        self._workers.set_thread_count(self._worker_count)
        thread.start()

    def close(self) -> None:
        """Wait at most CLOSE_TIMEOUT seconds for requests in progress, then close all connections."""
        self._exit_stack.close()

    def _end_requests(self) -> None:
        deadline = time.monotonic() + CLOSE_TIMEOUT
        self._server.accepting = False
        self._workers.end(deadline)
        channels = list(self._server.active_channels.values())
        while any(channel.total_outbufs_len for channel in channels) and time.monotonic() < deadline:
            time.sleep(0.01)

    def _end_thread(self, thread: threading.Thread) -> None:
        self._stopping = True
        if thread.ident is not None:
            self._server.pull_trigger()
            thread.join()

    def _serve(self) -> None:
        while not self._stopping:
            wasyncore.loop(timeout=1, use_poll=True, map=self._sockets, count=1)


def waitress_settings() -> dict[str, Any]:
    max_files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]  # -1: no limit
    return {
        # half of the file descriptors: request bodies and jobs need the rest
        "connection_limit": min(max_files // 2, MAX_CONNECTIONS) if max_files > 0 else MAX_CONNECTIONS,
        "cleanup_interval": 5,
        "max_request_header_size": 64 << 10,
        "max_request_body_size": (5 << 30) + (64 << 20),  # S3 accepts 5 GiB per request; signed chunks add to that
        "inbuf_overflow": DISK_THRESHOLD,
        "outbuf_overflow": 1 << 60,  # the responses are in memory anyway
        "outbuf_high_watermark": 1 << 60,  # so that no worker waits for a client that reads slowly
        "recv_bytes": 128 << 10,
        "log_socket_errors": False,
        "ident": None,
    }


class RequestThreads(ThreadedTaskDispatcher):  # type: ignore[misc]
    """The threads that handle requests: one for each invocation of an endpoint, and a fixed number for all others.

    An invocation may wait up to a minute for a model server without delaying other requests. Only MAX_CONNECTIONS
    limits the number of invocations.
    """

    def __init__(self) -> None:
        super().__init__()
        self._invocations = 0
        self._invocations_changed = threading.Condition()

    def add_task(self, channel: Any) -> None:
        """Handle the first pending request of a connection in a thread."""
        if not channel.requests[0].path.startswith(INVOCATION_PREFIX):
            super().add_task(channel)
            return
        with self._invocations_changed:
            self._invocations += 1
        threading.Thread(target=self._invoke, args=(channel,), name="invocation", daemon=True).start()

    def end(self, deadline: float) -> None:
        """Wait until no invocations remain or the deadline (time.monotonic()) passes, then stop the other threads."""
        with self._invocations_changed:
            self._invocations_changed.wait_for(lambda: not self._invocations, deadline - time.monotonic())
        self.shutdown(timeout=max(deadline - time.monotonic(), 0))

    def _invoke(self, channel: Any) -> None:
        try:
            channel.service()
        except Exception:
            logger.exception("an invocation failed")
        finally:
            with self._invocations_changed:
                self._invocations -= 1
                self._invocations_changed.notify_all()


class DiskFull(Error):  # type: ignore[misc]
    code = 507


class BodyBuffer(OverflowableBuffer):  # type: ignore[misc]
    """The body of a request. If it does not fit on the disk, it is read completely and discarded.

    If the connection were closed while the client was still sending, the client would not receive the error.
    """

    is_lost = False

    def append(self, data: bytes) -> None:
        if self.is_lost:
            return
        try:
            super().append(data)
        except OSError:
            self.is_lost = True
            with contextlib.suppress(OSError):  # closing tries to write again
                self.close()
            self.buf, self.strbuf = None, b""


class RequestParser(HTTPRequestParser):  # type: ignore[misc]
    """A parser of one request. It keeps S3 metadata whose names contain an underscore, which waitress would drop.

    The path is normalised because it determines which application and which thread handle the request.
    """

    path = request_uri = ""  # until the header has been read

    def __init__(self, settings: Any):
        super().__init__(settings)
        self.underscored_names: dict[str, str] = {}  # header names by their names in the WSGI environment

    def received(self, data: bytes) -> int:
        consumed_bytes: int = super().received(data)
        if self.completed and self.body_rcv is not None and self.body_rcv.buf.is_lost:
            self.reject("", DiskFull)
        if self.completed:
            self.expect_continue = False  # otherwise waitress waits for a body that is missing or rejected
        elif isinstance(self.body_rcv, ChunkedReceiver) and (
            max(len(self.body_rcv.control_line), len(self.body_rcv.trailer)) > MAX_LINE_BYTES
        ):
            self.reject(f"A line between chunks must not exceed {MAX_LINE_BYTES} bytes")
        return consumed_bytes

    def parse_header(self, header: bytes) -> None:
        try:
            super().parse_header(header)
        except ValueError as error:  # a URL or a length that Python does not accept
            raise ParsingError(str(error)) from None
        if self.body_rcv is not None:
            self.body_rcv.buf = BodyBuffer(DISK_THRESHOLD)
        # The URI tells S3 which slashes in a key are written as %2F. It must begin with a single slash.
        self.request_uri = URL_ORIGIN.sub("/", self.request_uri, count=1)
        quoted_path = re.split("[?#]", self.request_uri, maxsplit=1)[0]
        self.path = "/" + unquote_to_bytes(quoted_path.encode("latin-1")).decode("latin-1").lstrip("/")
        values: dict[str, list[str]] = {}
        for name, value in USER_METADATA.findall(header):
            key = name.decode("latin-1").upper().replace("-", "_")
            if key not in self.headers:  # another header may have the same name with dashes
                self.underscored_names.setdefault(f"HTTP_{key}", name.decode("latin-1"))
                values.setdefault(key, []).append(value.strip(b" \t").decode("latin-1"))
        self.headers |= {key: ",".join(items) for key, items in values.items()}

    def reject(self, reason: str, error_type: type[Error] = BadRequest) -> None:
        """Respond with an error, by default 400 (Bad Request), and stop reading the request."""
        self.error = error_type(reason)
        self.completed = True
        self.expect_continue = False


class RequestTask(WSGITask):  # type: ignore[misc]
    def get_environment(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environment()
        environ["RAW_URI"] = self.request.request_uri
        environ[HEADER_NAMES] = self.request.underscored_names
        return environ

    def build_response_header(self) -> bytes:
        """Return the header with names in the original case. waitress capitalises them, which breaks S3 metadata."""
        original_names = {
            "-".join(part.capitalize() for part in name.split("-")): name for name, _ in self.response_headers
        }
        status_line, *lines = super().build_response_header().decode("latin-1").split("\r\n")
        parts = (line.partition(":") for line in lines)
        restored_lines = (original_names.get(name, name) + colon + value for name, colon, value in parts)
        return "\r\n".join([status_line, *restored_lines]).encode("latin-1")


class ErrorResponseTask(ErrorTask):  # type: ignore[misc]
    """The AWS error response to a request that is invalid HTTP, is too large or does not fit on the disk."""

    def execute(self) -> None:
        error = self.request.error
        if isinstance(error, DiskFull):
            service = signed_service(self.request.headers.get("AUTHORIZATION", ""))
            response = error_response(ServiceError("InternalFailure", FULL_DISK, error.code), service)
        else:
            code = ERROR_CODES.get(error.code, "InternalFailure" if error.code >= 500 else "SerializationException")
            response = json_error_response(ServiceError(code, error.body))
        body = response.get_data()
        self.status = f"{error.code} {HTTPStatus(error.code).phrase}"
        self.response_headers.extend(response.headers)
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class Channel(HTTPChannel):  # type: ignore[misc]
    parser_class, task_class, error_task_class = RequestParser, RequestTask, ErrorResponseTask
    request: Any

    def handle_read(self) -> None:
        """Read data. If the client has closed its side of the connection, reject the incomplete request."""
        if self.request is None or not self._has_client_closed():
            super().handle_read()
            return
        with self.requests_lock:
            self.request.reject("The request is incomplete")
            self.requests.append(self.request)
            self.request = None
            self.server.add_task(self)

    def _has_client_closed(self) -> bool:
        with contextlib.suppress(OSError):  # reading will raise the error
            return not self.socket.recv(1, socket.MSG_PEEK)
        return False

    def write_soon(self, data: Any) -> int:
        if isinstance(data, bytes) and len(data) > DISK_THRESHOLD:  # waitress would copy it
            data = ReadOnlyFileBasedBuffer(io.BytesIO(data))
            data.prepare()
        written_bytes: int = super().write_soon(data)
        return written_bytes
