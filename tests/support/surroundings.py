"""Make test processes independent of how they were started: set OpenBLAS's options, and stop ignoring signals."""

import os
import signal


def settle() -> None:
    # Jobs and containers do not inherit OPENBLAS_CORETYPE, so their kernels could differ from those chosen here and
    # round differently.
    for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
        os.environ.pop(name, None)
    # On a busy machine the threads of OpenBLAS wait for each other, and a fit takes fifty times as long.
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    # Commands started by nohup or in a shell's background ignore these signals, and child processes would inherit that.
    for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, handler)
