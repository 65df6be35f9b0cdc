"""Serve the page locally. Connections without a complete request are closed, so that other clients are served.

Only this module depends on uvicorn's internals, the attributes of its HTTP protocol.
"""

import asyncio
import contextlib
import ipaddress
import logging
import signal
import socket
from collections.abc import Callable, Collection, Iterator

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from recore.web.application import make_application
from recore.web.predictor import Predictor
from recore.web.process_reader import ProcessReader
from stagemaker import interrupts

GRACE_SECONDS = 5  # seconds for unfinished requests when the page ends
MAX_CONNECTIONS = 200
SECONDS = 10.0  # for the head of a request, and for reading MIN_BYTES_READ of a response
MIN_BYTES_READ = 100_000  # minimum part of a response that a client must read in SECONDS
CHUNK = 1 << 14  # bytes of a request that are parsed at a time
CHUNKED_RESPONSE = b"HTTP/1.1 411 Length Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Protocol(H11Protocol):
    """A connection. It is closed if no complete request arrives in time, or if the client does not read the response.

    If there are too many connections, the one idle for longest is closed immediately. Chunked bodies are rejected,
    because chunks of one byte take more time to parse than to send.
    """

    _timer: asyncio.TimerHandle | None = None
    _unread = 0  # bytes of responses when the timer was started

    @property
    def _is_idle(self) -> bool:
        """Whether the connection is waiting for the head of a request, or for the client to read."""
        return self.flow.write_paused or self.cycle is None or self.cycle.response_complete

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]
        self._start_timer()
        # a batch of connections is accepted before any of them is lost
        while len(self.connections) > MAX_CONNECTIONS:
            idle = [other for other in self.connections if isinstance(other, Protocol) and other._timer]
            oldest = min(idle, key=lambda other: other._timer.when() if other._timer else 0.0)
            oldest._close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        for start in range(0, len(data), CHUNK):
            super().data_received(data[start : start + CHUNK])
            if self.headers and any(name == b"transfer-encoding" for name, _ in self.headers):
                self.transport.write(CHUNKED_RESPONSE)
                self.transport.close()
            if self.transport.is_closing():
                return
        # an incomplete head, or the rest of a request whose response is complete, does not stop the timer
        if not self._is_idle:
            self._stop_timer()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._is_idle:  # otherwise the next request has already arrived
            self._start_timer()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._start_timer()

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self._is_idle:
            self._stop_timer()

    def _start_timer(self) -> None:
        self._stop_timer()
        self._unread = self.transport.get_write_buffer_size()
        self._timer = self.loop.call_later(SECONDS, self._close_unless_it_reads)

    def _stop_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = None

    def _close_unless_it_reads(self) -> None:
        read = self._unread - self.transport.get_write_buffer_size()
        if self._unread and read >= min(self._unread, MIN_BYTES_READ):
            self._start_timer()
        else:
            self._close()

    def _close(self) -> None:
        self._stop_timer()
        self.connections.discard(self)
        self.transport.abort()


class Server(uvicorn.Server):
    """uvicorn with the signal handlers of `interrupts` instead of its own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def on_tick(self, counter: int) -> bool:
        try:
            interrupts.check()
        except KeyboardInterrupt:
            self.should_exit = True
        return await super().on_tick(counter)


def serve(
    predictor: Predictor, host: str, port: int, names: Collection[str], announce: Callable[[list[str]], None]
) -> None:
    """Serve the page until a signal stops it. Raises OSError if the address is unavailable.

    names: additional host names of the page. announce: called with the addresses.
    """
    host_name = socket.gethostname()
    with _listen(host, port) as listening:
        read = ProcessReader(predictor.grid, predictor.limits)
        application = make_application(predictor, {"localhost", host, host_name, *names}, read=read)
        logging.basicConfig(format="web: %(message)s", level=logging.WARNING)
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # no line for each request that is not HTTP
        config = uvicorn.Config(
            application,
            lifespan="off",
            http=Protocol,
            ws="none",
            backlog=MAX_CONNECTIONS // 2,  # so that a batch of connections fits
            loop="asyncio",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
        server = Server(config)

        with interrupts.record(signal.SIGINT):  # ignored in the background of a script
            address, port = listening.getsockname()[:2]
            hosts = [host, host_name] if ipaddress.ip_address(address).is_unspecified else [host]
            announce([f"http://{_bracket_ipv6(name)}:{port}/" for name in hosts])
            asyncio.run(server.serve(sockets=[listening]))


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(socket.SOMAXCONN)
    except OSError as error:
        listening.close()
        reason = f"cannot listen on {host}:{port}: {error.strerror or error}"
        raise OSError(f"{reason}; choose another --port or --host") from None
    return listening


def _bracket_ipv6(host: str) -> str:
    return f"[{host}]" if ":" in host else host
