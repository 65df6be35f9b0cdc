"""python -m recore.model: the entry point of a container."""

import signal
import sys

from .docker import ml2p_docker

if __name__ == "__main__":
    # The first process of a container has no default action for SIGTERM: without a handler, neither a job nor a server
    # in setup() could be stopped. A listening server has its own handlers.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    ml2p_docker(prog_name="python -m recore.model")
