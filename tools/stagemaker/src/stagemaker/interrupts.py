"""Let SIGINT, SIGTERM and SIGHUP stop a command where it can stop: at calls of `check` and `sleep`.

A handler that raised an exception would raise it anywhere, and a library can lose it or break. Here, handlers only
record the signal; the command's loops and waits call `check` or `sleep`, which raise KeyboardInterrupt. An ignored
signal, such as SIGHUP under nohup, stays ignored. This file imports no slow module, because a command imports it first.
"""

import atexit
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from types import FrameType

STATUS = 130  # the exit status that a shell reports for a command that SIGINT ended
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
POLL_SECONDS = 0.1  # between checks for signals while waiting
# A command that has not stopped after NOTICE_SECONDS says that it is stopping. The process ends if it does not respond
# to the first signal within MAX_SECONDS, for example during a long computation, or to a later one in NOTICE_SECONDS.
NOTICE_SECONDS, MAX_SECONDS = 0.5, 30.0
END, RECORDED = 0, 255  # bytes for the watcher; other bytes are the numbers of signals

_signals: SimpleQueue[int] = SimpleQueue()  # recorded and not taken yet
_watcher_fd = -1  # descriptor of a pipe to the watcher
_is_stopping = False  # whether KeyboardInterrupt has been raised
_never = threading.Event()


def line(program: str) -> str:
    """Return the line that an interrupted command prints."""
    return f"{program}: interrupted"


def restore_defaults() -> None:
    """Undo inherited settings with which the ends of child processes, signals and timers would go unnoticed."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {*SIGNALS, signal.SIGALRM, signal.SIGCHLD})


def end_at_once(program: str) -> None:
    """Make signals end this process immediately until the command has ended, and then ignore them."""

    def ignore() -> None:
        for signum in SIGNALS:
            signal.signal(signum, signal.SIG_IGN)

    for signum in _active_signals():
        signal.signal(signum, lambda *_: _end(program))
    restore_defaults()
    atexit.register(ignore)  # functions that are registered first are called last


@contextmanager
def listen(program: str) -> Iterator[None]:
    """Within the context, record signals for `check`, `sleep` and `take`. On exit, call `check`.

    If the command does not stop soon, a line on stderr says that it is stopping; another signal then ends the wait.
    """
    global _is_stopping, _watcher_fd
    old_watcher, _is_stopping = _watcher_fd, False
    read_end, _watcher_fd = os.pipe()
    os.set_blocking(_watcher_fd, False)
    thread = threading.Thread(target=_watch, args=(read_end, program), name="signals", daemon=True)
    thread.start()
    old_descriptor = signal.set_wakeup_fd(_watcher_fd, warn_on_full_buffer=False)
    try:
        with record(*_active_signals()):
            yield
    finally:
        signal.set_wakeup_fd(old_descriptor)
        os.write(_watcher_fd, bytes([END]))
        thread.join()
        os.close(_watcher_fd)
        os.close(read_end)
        _watcher_fd = old_watcher
        check()


@contextmanager
def record(*signums: signal.Signals) -> Iterator[None]:
    """Within a `listen` context, record these signals, too, even if they were ignored before."""
    handlers = {signum: signal.signal(signum, _record) for signum in signums}
    try:
        yield
    finally:
        for signum, handler in handlers.items():
            signal.signal(signum, handler)


def check() -> None:
    """Raise KeyboardInterrupt if a signal has arrived since the last one. Only the main thread is interrupted."""
    global _is_stopping
    if threading.current_thread() is threading.main_thread() and take():
        while take():
            pass  # several signals, for example from a terminal and from a parent process, are one interrupt
        _is_stopping = True
        raise KeyboardInterrupt


def sleep(seconds: float, until: threading.Event = _never) -> None:
    """Wait for a time in seconds, or until an event is set. Raises KeyboardInterrupt like `check` while waiting."""
    deadline = time.monotonic() + seconds
    check()
    while (remaining := deadline - time.monotonic()) > 0 and not until.wait(min(remaining, POLL_SECONDS)):
        check()


def take(seconds: float = 0.0) -> int | None:
    """Wait for a signal and return its number, or None if none arrives in this time."""
    with suppress(Empty):
        return _signals.get(timeout=seconds)
    return None


def _record(signum: int, frame: FrameType | None) -> None:
    _signals.put(signum)  # unlike other methods, it may be called again while it runs
    os.write(_watcher_fd, bytes([RECORDED]))


def _watch(read_end: int, program: str) -> None:
    """Print the line about stopping, and end the process if it does not respond.

    The interpreter sends the number of a signal at once, and calls its handler when compiled code has returned.
    """
    is_recorded, has_noticed, wait_seconds = True, False, None
    while True:
        if select.select([read_end], [], [], wait_seconds)[0]:
            content = os.read(read_end, 4096)
            if END in content:
                return
            is_recorded = content[-1] == RECORDED
            wait_seconds = NOTICE_SECONDS
            continue
        is_taken = is_recorded and _signals.empty()
        wait_seconds = None
        if is_taken and not _is_stopping:
            continue  # the signal was passed on to another process
        if not has_noticed:
            has_noticed, wait_seconds = True, MAX_SECONDS - NOTICE_SECONDS
            with suppress(OSError, ValueError):  # nobody reads stderr any more
                print(f"{program}: stopping, please wait, or press Ctrl-C again", file=sys.stderr, flush=True)
        elif not is_taken:
            _end(program)


def _end(program: str) -> None:
    os.write(2, f"{line(program)}\n".encode())
    os._exit(STATUS)


def _active_signals() -> list[signal.Signals]:
    return [signum for signum in SIGNALS if signal.getsignal(signum) != signal.SIG_IGN]
