"""gunicorn for one predictor: a threaded worker in the process that set up the predictor.

gunicorn usually forks its workers. A predictor set up before the fork would lose its threads and connections; one set
up afterwards would exist in each worker, but setup and teardown must be called only once.
"""

import logging
import os
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.sock import create_sockets
from gunicorn.workers.gthread import ThreadWorker

from .predictor import ModelPredictor
from .record_queue import background_recording

THREADS = 8  # predictions at a time; /ping responds while some of them compute
KEEP_ALIVE = 5  # seconds for which an idle connection is kept open
GRACE_SECONDS = 10  # for requests in progress; SageMaker kills a server after 30
POLL_SECONDS = 0.2  # seconds between connection checks while the server stops

logger = logging.getLogger(__name__)


class OneProcessServer(BaseApplication):  # type: ignore[misc]
    """A gunicorn application: its settings, and the Flask application that the worker serves."""

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
    """A worker without gunicorn's arbiter process."""

    def is_parent_alive(self) -> bool:
        """Return True, because the parent process is not an arbiter and may exit."""
        return True

    def handle_quit(self, number: int, frame: Any) -> None:
        """Stop as on SIGTERM, after completing requests in progress."""
        self.handle_exit(number, frame)

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Dispatch connection events; when the server stops, close idle connections at once."""
        if not self.alive:
            timeout = min(timeout, POLL_SECONDS)
            for connection in self.keepalived_conns:
                connection.timeout = 0
            self.murder_keepalived()
        super().wait_for_and_dispatch_events(timeout)


def serve_until_stopped(app: Flask, predictor: ModelPredictor, host: str, port: int) -> None:
    """Serve until a signal arrives. Exits the program if the port is in use.

    Raises ConfigError if invocations are to be recorded but the environment has no S3 URL or no model version.
    """
    server = OneProcessServer(app, host, port)
    with background_recording(predictor):
        log = server.cfg.logger_class(server.cfg)
        sockets = create_sockets(server.cfg, log)
        logger.info("Listening on port %d.", sockets[0].sock.getsockname()[1])
        worker = OneProcessWorker(1, os.getppid(), sockets, server, server.cfg.timeout, server.cfg, log)
        worker.init_process()
        # a request that ends after this must not write to the queue's closed pipe, whose number may be reused
        worker.method_queue.defer = lambda *_: None
