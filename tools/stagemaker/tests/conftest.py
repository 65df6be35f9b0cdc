"""Settings of the processes that run stagemaker's tests, and fixtures for all tests."""

import os
import signal
import sys


def settle() -> None:
    # Jobs and containers do not inherit OPENBLAS_CORETYPE, so their kernels could differ from those chosen here and
    # round differently.
    for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
        os.environ.pop(name, None)
    # On a busy machine, OpenBLAS's threads wait for each other, and a fit takes fifty times as long.
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    # Commands started with nohup or in a shell's background ignore these signals, and their child processes would, too.
    for signum, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(signum) == signal.SIG_IGN:
            signal.signal(signum, handler)


settle()
sys.modules["recore"] = None  # type: ignore[assignment] - any import of it fails

from stagemaker_support import fuzzing  # noqa: F401 - loads hypothesis's profile before tests are decorated
from stagemaker_support.common_hooks import pytest_make_parametrize_id, socket_folder

__all__ = ["pytest_make_parametrize_id", "socket_folder"]
