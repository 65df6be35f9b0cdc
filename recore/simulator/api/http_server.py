"""The HTTP server: waitress, with what moto and SageMaker's clients need besides.

One thread reads all sockets and hands on only whole requests, so that a slow or silent client costs a connection and
no worker. Large bodies are on disk meanwhile, in files without a name, which disappear with the process.
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

from moto.core.request import PRESERVED_HEADER_NAMES_ENVIRON_KEY as UNDERSCORED
from waitress import wasyncore
from waitress.buffers import OverflowableBuffer, ReadOnlyFileBasedBuffer
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.receiver import ChunkedReceiver
from waitress.server import create_server
from waitress.task import ErrorTask, WSGITask
from waitress.utilities import BadRequest, Error

from recore.simulator.api.request_threads import RequestThreads
from recore.simulator.protocol.errors import ServiceError, disk_full_answer, json_answer, signed_service

CONNECTIONS = 2000
SILENCE = 60  # seconds until a client that falls silent in the middle of a request is disconnected
HEADERS = 64 << 10  # bytes of a request's header
LINE = 4 << 10  # bytes of a line between chunks
BODY = (5 << 30) + (64 << 20)  # bytes: S3 takes 5 GiB in one request, which signed chunks lengthen
DISK = 1 << 20  # bytes of a body from which on it is on disk
CLOSING = 10.0  # seconds that requests in progress have to end
CODES = {413: "RequestEntityTooLarge", 431: "RequestHeaderFieldsTooLarge", 501: "NotImplemented"}
ORIGIN = re.compile("(?:[^/?#:]+://[^/?#]*)?/*")  # what stands before the path in an address, and its first slashes
USER_METADATA = re.compile(rb"^(x-amz-meta-[^:\s]*_[^:\s]*):[ \t]*([^\r\n]*)", re.IGNORECASE | re.MULTILINE)


logging.getLogger("waitress").setLevel(logging.ERROR)  # not each time that a request waits, or a client leaves


class HttpServer:
    """Answers at a listening socket by a WSGI application, from the start of the context to its end."""

    def __init__(self, application: Callable[..., Any], listening: socket.socket):
        self._application, self._listening = application, listening
        self._sockets: dict[int, Any] = {}
        self._workers = RequestThreads()
        self._ends = contextlib.ExitStack()  # last first
        self._ending = False

    def __enter__(self) -> "HttpServer":
        try:
            self.start()
            return self
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Answer from now on. Where this is interrupted, `close` ends what was begun."""
        self._ends.callback(wasyncore.close_all, self._sockets, ignore_all=True)
        self._server = create_server(
            self._application, map=self._sockets, sockets=[self._listening], _dispatcher=self._workers, **settings()
        )
        self._server.channel_class = Channel
        thread = threading.Thread(target=self._serve, name="http", daemon=True)
        self._ends.callback(self._end_thread, thread)
        self._ends.callback(self._end_requests)
        self._workers.start()
        thread.start()

    def close(self) -> None:
        """End the requests in progress, within some seconds, then all connections."""
        self._ends.close()

    def _end_requests(self) -> None:
        deadline = time.monotonic() + CLOSING
        self._server.accepting = False
        self._workers.shutdown(CLOSING)
        channels = list(self._server.active_channels.values())
        while any(channel.total_outbufs_len for channel in channels) and time.monotonic() < deadline:
            time.sleep(0.01)

    def _end_thread(self, thread: threading.Thread) -> None:
        self._ending = True
        if thread.ident is not None:
            self._server.pull_trigger()
            thread.join()

    def _serve(self) -> None:
        while not self._ending:
            wasyncore.loop(timeout=1, use_poll=True, map=self._sockets, count=1)


def settings() -> dict[str, Any]:
    """waitress's settings."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]  # -1: as many as one likes
    return {
        # half of the files that may be open: bodies and jobs need the others
        "connection_limit": min(files // 2, CONNECTIONS) if files > 0 else CONNECTIONS,
        "channel_timeout": SILENCE,
        "cleanup_interval": 5,
        "max_request_header_size": HEADERS,
        "max_request_body_size": BODY,
        "inbuf_overflow": DISK,
        "outbuf_overflow": 1 << 60,  # what moto answers is in memory anyway
        "outbuf_high_watermark": 1 << 60,  # so that no worker waits for a client that reads slowly
        "recv_bytes": 128 << 10,
        "asyncore_use_poll": True,
        "log_socket_errors": False,
        "ident": None,
    }


class DiskFull(Error):  # type: ignore[misc]
    """The error of a request whose body the disk has no room for."""

    code, reason = 507, "Insufficient Storage"


class BodyBuffer(OverflowableBuffer):  # type: ignore[misc]
    """The body of a request. One that the disk has no room for is not kept, but read to its end.

    A client that is still sending would otherwise find its connection closed, and not read why.
    """

    is_lost = False

    def append(self, data: bytes) -> None:
        if self.is_lost:
            return
        try:
            super().append(data)
        except OSError:
            self.is_lost = True
            with contextlib.suppress(OSError):  # it tries to write again
                self.close()
            self.buf, self.strbuf = None, b""


class RequestParser(HTTPRequestParser):  # type: ignore[misc]
    """A request that is being read. waitress drops headers with an underscore; S3's metadata may have such names.

    Its path has one form from here on, whatever the client wrote: who answers it, and in which thread, depends on it.
    """

    path = request_uri = ""  # until the header is read

    def __init__(self, settings: Any):
        super().__init__(settings)
        self.underscored: dict[str, str] = {}  # by their names in the environment, as moto wants them

    def received(self, data: bytes) -> int:
        consumed: int = super().received(data)
        if self.completed and self.body_rcv is not None and self.body_rcv.buf.is_lost:
            self.refuse("", DiskFull)
        if self.completed:
            self.expect_continue = False  # waitress would wait for a body that is missing or refused
        elif isinstance(self.body_rcv, ChunkedReceiver) and (
            max(len(self.body_rcv.control_line), len(self.body_rcv.trailer)) > LINE
        ):
            self.refuse(f"A line between chunks has {LINE} bytes at most")
        return consumed

    def parse_header(self, header: bytes) -> None:
        try:
            super().parse_header(header)
        except ValueError as error:  # an address or a length that Python does not take
            raise ParsingError(str(error)) from None
        if self.body_rcv is not None:
            self.body_rcv.buf = BodyBuffer(DISK)
        # there moto sees which slashes of a key are %2F; the path begins with a bucket's name, so with a single slash
        self.request_uri = ORIGIN.sub("/", self.request_uri, count=1)
        quoted = re.split("[?#]", self.request_uri, maxsplit=1)[0]
        self.path = "/" + unquote_to_bytes(quoted.encode("latin-1")).decode("latin-1").lstrip("/")
        values: dict[str, list[str]] = {}
        for name, value in USER_METADATA.findall(header):
            key = name.decode("latin-1").upper().replace("-", "_")
            if key not in self.headers:  # of the same name with dashes
                self.underscored.setdefault(f"HTTP_{key}", name.decode("latin-1"))
                values.setdefault(key, []).append(value.strip(b" \t").decode("latin-1"))
        self.headers |= {key: ",".join(several) for key, several in values.items()}

    def refuse(self, reason: str, kind: type[Error] = BadRequest) -> None:
        """Answer that the request is invalid, and read no more of it."""
        self.error = kind(reason)
        self.completed = True
        self.expect_continue = False


class RequestTask(WSGITask):  # type: ignore[misc]
    """A request that is answered by the application."""

    def get_environment(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environment()
        environ["RAW_URI"] = self.request.request_uri
        environ[UNDERSCORED] = self.request.underscored
        return environ

    def build_response_header(self) -> bytes:
        """waitress capitalises names; in those of S3's metadata, letters are to stay as they were."""
        names = {"-".join(part.capitalize() for part in name.split("-")): name for name, _ in self.response_headers}
        first, *lines = super().build_response_header().decode("latin-1").split("\r\n")
        parts = (line.partition(":") for line in lines)
        restored = (names.get(name, name) + colon + value for name, colon, value in parts)
        return "\r\n".join([first, *restored]).encode("latin-1")


class RefusalTask(ErrorTask):  # type: ignore[misc]
    """A request that is no HTTP, or too large, is answered in SageMaker's form."""

    def execute(self) -> None:
        error = self.request.error
        if isinstance(error, DiskFull):
            _, headers, body = disk_full_answer(signed_service(self.request.headers.get("AUTHORIZATION", "")))
            self._answer(f"{error.code} {error.reason}", headers, body)
            return
        code = CODES.get(error.code, "InternalFailure" if error.code >= 500 else "SerializationException")
        headers, body = json_answer(ServiceError(code, error.body))
        self._answer(f"{error.code} {HTTPStatus(error.code).phrase}", headers, body)

    def _answer(self, status: str, headers: list[tuple[str, str]], body: bytes) -> None:
        self.status = status
        self.response_headers.extend(headers)
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class Channel(HTTPChannel):  # type: ignore[misc]
    """A connection."""

    parser_class, task_class, error_task_class = RequestParser, RequestTask, RefusalTask
    request: Any

    def handle_read(self) -> None:
        """Read on; a client that ends its sending in the middle of a request may still read why that is refused."""
        if self.request is None or not self._has_ended():
            super().handle_read()
            return
        with self.requests_lock:
            self.request.refuse("The request ended before it was complete")
            self.requests.append(self.request)
            self.request = None
            self.server.add_task(self)

    def _has_ended(self) -> bool:
        with contextlib.suppress(OSError):  # what is wrong will be found when it is read
            return not self.socket.recv(1, socket.MSG_PEEK)
        return False

    def write_soon(self, data: Any) -> int:
        if isinstance(data, bytes) and len(data) > DISK:  # waitress would copy it
            data = self._uncopied(data)
        written: int = super().write_soon(data)
        return written

    @staticmethod
    def _uncopied(data: bytes) -> Any:
        buffer = ReadOnlyFileBasedBuffer(io.BytesIO(data))
        buffer.prepare()
        return buffer
