"""Make SIGINT, SIGTERM and SIGHUP interrupt a command, which cleans up, prints one line and exits with status 130.

An ignored signal, such as SIGHUP under nohup, stays ignored. Only the main thread is interrupted: in other threads,
`defer` and `allow` do nothing. This file imports no slow module, because a command imports it first.
"""

import atexit
import os
import signal
import sys
from _thread import LockType, allocate_lock, get_ident, start_new_thread
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from types import FrameType
from typing import TypeVar

T = TypeVar("T")

STATUS = 130  # the exit status that a shell reports for a command that SIGINT ended
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
NOTICE_SECONDS = 0.5  # a command that has not stopped by then says that it is stopping
RETRY_SECONDS = 0.02  # interval between attempts to interrupt an import

_MAIN_THREAD = get_ident()  # the one that imports this file first
_deferring = False  # whether the innermost context is `defer` and not `allow`
_pending = False  # whether a signal has arrived meanwhile
_notice = ""  # printed if the command does not stop at once; empty once a signal has arrived
_end_lock: LockType  # released when the command has stopped


def line(program: str) -> str:
    """Return the line that an interrupted command prints."""
    return f"{program}: interrupted"


def restore_defaults() -> None:
    """Undo inherited settings with which the ends of child processes, signals and timers would go unnoticed."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {*SIGNALS, signal.SIGALRM, signal.SIGCHLD})


def end_at_once(program: str) -> None:
    """Make signals end this process immediately until the command has ended, and then ignore them."""

    def end(signum: int, frame: FrameType | None) -> None:
        os.write(2, f"{line(program)}\n".encode())
        os._exit(STATUS)

    def ignore() -> None:
        for signum in SIGNALS:
            signal.signal(signum, signal.SIG_IGN)

    for signum in _active_signals():
        signal.signal(signum, end)
    restore_defaults()
    atexit.register(ignore)  # functions that are registered first are called last


@contextmanager
def handle_with(
    handler: Callable[[int, FrameType | None], object], ignored: tuple[signal.Signals, ...] = ()
) -> Iterator[None]:
    """Within the context, let a function handle the signals, including one deferred by `raise_on_signal`.

    ignored: the signals to handle even if they were ignored before.
    """
    handlers = {signum: signal.signal(signum, handler) for signum in {*_active_signals(), signal.SIGALRM, *ignored}}
    try:
        yield
    finally:
        for signum, old_handler in handlers.items():
            signal.signal(signum, old_handler)


@contextmanager
def raise_on_signal(notice: str = "") -> Iterator[None]:
    """Within the context, raise KeyboardInterrupt when a signal arrives or, during an import, after the import.

    An interrupted import could end with a different exception, or without some of its own imports. notice: a line
    for stderr if the context does not end soon after a signal.
    """
    global _notice, _end_lock
    _notice, _end_lock = notice, allocate_lock()
    _end_lock.acquire()
    old_hook = sys.unraisablehook
    sys.unraisablehook = lambda error: _repeat(error, old_hook)
    with handle_with(_interrupt):
        try:
            yield
        finally:
            _notice = ""
            _end_lock.release()
            signal.setitimer(signal.ITIMER_REAL, 0)
            sys.unraisablehook = old_hook


def defer() -> AbstractContextManager[None]:
    """Defer interrupts within a `raise_on_signal` context until this context ends, even if it ends with an error."""
    return _set_deferring(True)


def allow() -> AbstractContextManager[None]:
    """Allow interrupts in a `defer` context, and raise an interrupt that was deferred."""
    return _set_deferring(False)


@contextmanager
def defer_at_both_ends(make: Callable[[], AbstractContextManager[T]]) -> Iterator[T]:
    """Enter a context manager so that no interrupt is raised while it is created, entered or exited."""
    exit_stack = ExitStack()
    try:
        with defer():
            value = exit_stack.enter_context(make())
        yield value
    finally:
        with defer():
            exit_stack.close()


@contextmanager
def _set_deferring(deferring: bool) -> Iterator[None]:
    global _deferring
    if get_ident() != _MAIN_THREAD:
        yield
        return
    old_deferring, _deferring = _deferring, deferring
    try:
        _raise_pending()
        yield
    finally:
        _deferring = old_deferring
        _raise_pending()


def _raise_pending() -> None:
    global _pending
    if _pending and not _deferring:
        _pending = False
        raise KeyboardInterrupt


def _interrupt(signum: int, frame: FrameType | None) -> None:
    global _pending, _notice
    if _notice:
        start_new_thread(_print_notice, (_notice, _end_lock))
        _notice = ""
    if _deferring:
        _pending = True
    elif _is_import(frame):
        signal.setitimer(signal.ITIMER_REAL, RETRY_SECONDS)
    else:
        raise KeyboardInterrupt


def _print_notice(notice: str, end_lock: LockType) -> None:
    """Print a line unless the command stops soon. Runs in a thread, because the signal may have interrupted a print."""
    if not end_lock.acquire(timeout=NOTICE_SECONDS):
        with suppress(OSError, ValueError):  # nobody reads stderr any more
            print(notice, file=sys.stderr, flush=True)


def _is_import(frame: FrameType | None) -> bool:
    while frame:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _repeat(error: "sys.UnraisableHookArgs", hook: Callable[["sys.UnraisableHookArgs"], object]) -> None:
    """Repeat an interrupt that was raised where no exception can propagate, such as in a destructor."""
    if isinstance(error.exc_value, KeyboardInterrupt):
        signal.setitimer(signal.ITIMER_REAL, RETRY_SECONDS)
    else:
        hook(error)


def _active_signals() -> list[signal.Signals]:
    return [signum for signum in SIGNALS if signal.getsignal(signum) != signal.SIG_IGN]
