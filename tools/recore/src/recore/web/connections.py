"""Connections without a whole request are closed, so that others are always answered.

This is the only module that leans on the inside of uvicorn: on the attributes of its protocol for HTTP.
"""

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

MOST_CONNECTIONS = 200
SECONDS = 10.0  # for the head of a request, and for SLOWEST_READING in a response
SLOWEST_READING = 100_000  # bytes of a response
PIECE = 1 << 14  # bytes of a request that are parsed at a time
CHUNKED = b"HTTP/1.1 411 Length Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Protocol(H11Protocol):
    """A connection. It is closed if it stays without a request, or with a response that nobody reads.

    If there are too many connections, the one that has been so for longest is closed at once. Bodies in chunks are
    refused: chunks of one byte take more time to parse than to send.
    """

    _timer: asyncio.TimerHandle | None = None
    _unread = 0  # bytes of responses when the timer was started

    @property
    def _is_idle(self) -> bool:
        """Whether the connection waits for the head of a request, or for the client to read."""
        return self.flow.write_paused or self.cycle is None or self.cycle.response_complete

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]
        self._start_timer()
        # connections of one batch are made before any of them is lost
        while len(self.connections) > MOST_CONNECTIONS:
            idle = [other for other in self.connections if isinstance(other, Protocol) and other._timer]
            oldest = min(idle, key=lambda other: other._timer.when() if other._timer else 0.0)
            oldest._close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        for start in range(0, len(data), PIECE):
            super().data_received(data[start : start + PIECE])
            if self.headers and any(name == b"transfer-encoding" for name, _ in self.headers):
                self.transport.write(CHUNKED)
                self.transport.close()
            if self.transport.is_closing():
                return
        # a part of a head, and the rest of a request that has been answered, do not end the wait
        if not self._is_idle:
            self._stop_timer()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._is_idle:  # otherwise the next request has been waiting already
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
        if self._unread and read >= min(self._unread, SLOWEST_READING):
            self._start_timer()
        else:
            self._close()

    def _close(self) -> None:
        self._stop_timer()
        self.connections.discard(self)
        self.transport.abort()
