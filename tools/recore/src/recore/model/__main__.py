"""python -m recore.model: the program of a container."""

import signal
import sys

from .docker import ml2p_docker

if __name__ == "__main__":
    # The first process of a container has no default action for SIGTERM: without a handler a job could not be stopped,
    # nor a server during setup(). A server that listens has handlers of its own.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    ml2p_docker(prog_name="python -m recore.model")
