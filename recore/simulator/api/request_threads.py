"""The threads that answer requests."""

import logging
import threading
import time
from typing import Any

from waitress.task import ThreadedTaskDispatcher

logger = logging.getLogger(__name__)

WORKERS = 100  # threads for all that answers soon
INVOCATIONS = "/endpoints/"  # how the paths of invocations begin


class RequestThreads:
    """A thread for each invocation of an endpoint, and some threads for all other requests.

    Invocations wait for models' servers for up to a minute: those of one endpoint must not hold up those of another,
    nor the requests with which a server that starts reads its model from S3. The number of connections limits them.
    """

    def __init__(self) -> None:
        self._others = ThreadedTaskDispatcher()
        self._invocations = 0
        self._changed = threading.Condition()

    def start(self) -> None:
        self._others.set_thread_count(WORKERS)

    def add_task(self, channel: Any) -> None:
        """Answer the first request of a connection."""
        if not channel.requests[0].path.startswith(INVOCATIONS):
            self._others.add_task(channel)
            return
        with self._changed:
            self._invocations += 1
        threading.Thread(target=self._invoke, args=(channel,), name="invocation", daemon=True).start()

    def shutdown(self, seconds: float) -> None:
        """Wait some seconds until the invocations are answered, then end the other threads within the rest of them."""
        deadline = time.monotonic() + seconds
        with self._changed:
            self._changed.wait_for(lambda: not self._invocations, seconds)
        self._others.shutdown(timeout=max(deadline - time.monotonic(), 0))

    def _invoke(self, channel: Any) -> None:
        try:
            channel.service()
        except Exception:
            logger.exception("an invocation")
        finally:
            with self._changed:
                self._invocations -= 1
                self._changed.notify_all()
