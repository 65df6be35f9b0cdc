"""Serves the page on this machine."""

import asyncio
import contextlib
import ipaddress
import logging
import signal
import socket
from collections.abc import Callable, Collection, Iterator
from typing import Any

import uvicorn

from recore.web.application import make_application
from recore.web.connections import MOST_CONNECTIONS, Protocol
from recore.web.predictor import Predictor
from recore.web.reading import ProcessReader
from stagemaker import interrupts

GRACE = 5  # seconds for requests that are being answered when the page ends


class Server(uvicorn.Server):
    """uvicorn, which leaves the signals to `interrupts`."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def serve(
    predictor: Predictor, host: str, port: int, names: Collection[str], announce: Callable[[list[str]], None]
) -> None:
    """Serve the page until a signal ends it. Raises OSError if it cannot listen.

    names: under which a browser may ask for the page, besides this machine's and addresses. announce: called with the
    page's addresses.
    """
    machine = socket.gethostname()
    with _listen(host, port) as listening:
        read = ProcessReader(predictor.grid, predictor.limits)
        application = make_application(predictor, {"localhost", host, machine, *names}, read=read)
        logging.basicConfig(format="web: %(message)s", level=logging.WARNING)
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # no line for each request that is not HTTP
        config = uvicorn.Config(
            application,
            lifespan="off",
            http=Protocol,
            ws="none",
            backlog=MOST_CONNECTIONS // 2,  # so that one batch of connections is not without a place
            loop="asyncio",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE,
        )
        server = Server(config)

        def stop(*_: Any) -> None:
            server.should_exit = True

        with interrupts.handled_by(stop, ignored=(signal.SIGINT,)):
            address, port = listening.getsockname()[:2]
            hosts = [host, machine] if ipaddress.ip_address(address).is_unspecified else [host]
            announce([f"http://{_shown(name)}:{port}/" for name in hosts])
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
        reason = f"{host}:{port} cannot be listened to: {error.strerror or error}"
        raise OSError(f"{reason}; choose another --port or --host") from None
    return listening


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
