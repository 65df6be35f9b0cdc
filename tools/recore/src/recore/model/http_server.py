"""gunicorn for one predictor: its threaded worker in this process, in which the predictor was set up.

gunicorn usually forks its workers. A predictor that was set up before the fork would lose its threads and connections,
and one set up afterwards would exist several times; teardown, too, is to be called once.
"""

import logging
import os
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.sock import create_sockets
from gunicorn.workers.gthread import ThreadWorker

from .predictor import ModelPredictor
from .record_queue import records_kept

THREADS = 8  # predictions at a time; /ping is answered while some of them compute
KEEP_ALIVE = 5  # seconds for which an idle connection is kept
GRACE_SECONDS = 10  # for requests in progress; SageMaker kills a server after 30
STOPPING = 0.2  # seconds between two checks of the connections of a server that stops

logger = logging.getLogger(__name__)


class OneProcessServer(BaseApplication):  # type: ignore[misc]
    """gunicorn's settings, and the application for its worker."""

    def __init__(self, app: Flask, host: str, port: int):
        self._app, self._bind = app, f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        super().__init__()

    def load_config(self) -> None:
        self.cfg.set("bind", self._bind)
        self.cfg.set("threads", THREADS)
        self.cfg.set("keepalive", KEEP_ALIVE)
        self.cfg.set("graceful_timeout", GRACE_SECONDS)
        if os.access("/dev/shm", os.W_OK):  # noqa: S108  the file there is unlinked at once
            self.cfg.set("worker_tmp_dir", "/dev/shm")  # noqa: S108

    def load(self) -> Flask:
        return self._app


class OneProcessWorker(ThreadWorker):  # type: ignore[misc]
    """A worker without an arbiter above it."""

    def is_parent_alive(self) -> bool:
        """The process that started this one is not an arbiter, and may end."""
        return True

    def handle_quit(self, number: int, frame: Any) -> None:
        """Stop as at SIGTERM: requests in progress are answered."""
        self.handle_exit(number, frame)

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Look at the connections. Those without a request are closed at once when the server stops."""
        if not self.alive:
            timeout = min(timeout, STOPPING)
            for connection in self.keepalived_conns:
                connection.timeout = 0
            self.murder_keepalived()
        super().wait_for_and_dispatch_events(timeout)


def serve_until_stopped(app: Flask, predictor: ModelPredictor, host: str, port: int) -> None:
    """Serve until a signal ends it. Ends the program if the port is not free.

    Raises ConfigError if invocations are to be recorded and the environment does not say where.
    """
    server = OneProcessServer(app, host, port)
    with records_kept(predictor):
        log = server.cfg.logger_class(server.cfg)
        sockets = create_sockets(server.cfg, log)
        logger.info("Listening on port %d.", sockets[0].sock.getsockname()[1])
        worker = OneProcessWorker(1, os.getppid(), sockets, server, server.cfg.timeout, server.cfg, log)
        worker.init_process()
        # a request that is answered after this must not write to the queue's closed pipe, whose number may be in use
        worker.method_queue.defer = lambda *_: None
