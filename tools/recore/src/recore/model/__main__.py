"""python -m recore.model: the entry point of a container."""

import os
import signal
import sys
from contextlib import suppress

from .docker import ml2p_docker


def end(*_: object) -> None:
    """End the process. An exception, such as SystemExit, could be lost in the library that the signal interrupts."""
    with suppress(RuntimeError, OSError, ValueError):  # the signal may have interrupted a print
        sys.stdout.flush()
    os._exit(143)


if __name__ == "__main__":
    # The first process of a container has no default action for SIGTERM: without a handler, neither a job nor a server
    # in setup() could be stopped. A listening server has its own handlers.
    signal.signal(signal.SIGTERM, end)
    ml2p_docker(prog_name="python -m recore.model")
