"""A program with which a job tries to send a bit to another job, or to receive it, by every means the kernel offers.

    ROLE=send TOKEN=... python exchange.py        prints "ready", and repeats all repeatable attempts until stopped
    ROLE=receive TOKEN=... python exchange.py     prints a JSON list of the means by which the bit arrived

TOKEN: 32 hexadecimal digits that both jobs share. OMITTED: a JSON list of the means to skip.
"""

import contextlib
import ctypes
import fcntl
import functools
import json
import os
import platform
import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

TOKEN = os.environ.get("TOKEN", "0" * 32)
KEY, PORT = int(TOKEN[:7], 16) | 1, 20000 + int(TOKEN[:3], 16)
LIBRARY = Path(os.__file__).parent
# Files that both jobs can read and nothing else uses, by means
SHARED_FILES = {
    "flock": LIBRARY / "tabnanny.py",
    "record lock": LIBRARY / "rlcompleter.py",
    "inotify": LIBRARY / "this.py",
    "time of access": LIBRARY / "pyclbr.py",
}
KEYRINGS = {"session keyring": -3, "user keyring": -4, "user session keyring": -5}
PR_SET_NAME = 15
libc = ctypes.CDLL(None, use_errno=True)
first_values: dict[str, Any] = {}
# The numbers of system calls on x86-64 and on arm64
CALLS = {
    "add_key": (248, 217), "keyctl": (250, 219), "shmget": (29, 194), "msgget": (68, 186), "semget": (64, 190),
    "mq_open": (240, 180), "prctl": (157, 167), "inotify_init1": (294, 26), "inotify_add_watch": (254, 27),
}  # fmt: skip


def call(name: str, *arguments: Any) -> int:
    result = int(libc.syscall(CALLS[name][platform.machine() != "x86_64"], *arguments))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def changes(name: str, value: Any) -> bool:
    return first_values.setdefault(name, value) != value


def name_process() -> int:
    return call("prctl", PR_SET_NAME, TOKEN.encode()[:15], 0, 0, 0)


def process_names() -> list[str]:
    names = []
    for path in Path("/proc").glob("[0-9]*/comm"):
        with contextlib.suppress(OSError):
            names.append(path.read_text("utf-8").strip())
    return names


@functools.cache
def listen(family: int, address: Any) -> socket.socket:
    listener = socket.socket(family)
    listener.bind(address)
    listener.listen()
    return listener


def connects(family: int, address: Any) -> bool:
    with socket.socket(family) as client:
        client.settimeout(0.2)
        client.connect(address)
        return True


@functools.cache
def hold(name: str) -> int:
    return os.open(SHARED_FILES[name], os.O_RDONLY)


def is_locked() -> bool:
    try:
        fcntl.flock(hold("flock"), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(hold("flock"), fcntl.LOCK_UN)
    return False


def record_lock(command: int, kind: int) -> int:
    lock = struct.pack("hhqqi4x", kind, os.SEEK_SET, KEY, 1, 0)
    return int(struct.unpack("hhqqi4x", fcntl.fcntl(hold("record lock"), command, lock))[0])


@functools.cache
def watch_with_inotify() -> int:
    file = call("inotify_init1", os.O_NONBLOCK)
    call("inotify_add_watch", file, os.fsencode(SHARED_FILES["inotify"]), 0x20)  # IN_OPEN
    return file


# The sender's repeated action, and the receiver's condition, which is true if the bit arrives
MEANS: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    **{
        name: (
            lambda keyring=keyring: call("add_key", b"user", TOKEN.encode(), b"*", 1, keyring),
            lambda keyring=keyring: call("keyctl", 10, keyring, b"user", TOKEN.encode(), 0),
        )
        for name, keyring in KEYRINGS.items()
    },
    "SysV memory": (lambda: call("shmget", KEY, 1, 0o1666), lambda: call("shmget", KEY, 1, 0) >= 0),
    "SysV queue": (lambda: call("msgget", KEY, 0o1666), lambda: call("msgget", KEY, 0) >= 0),
    "SysV semaphore": (lambda: call("semget", KEY, 1, 0o1666), lambda: call("semget", KEY, 1, 0) >= 0),
    "POSIX memory": (lambda: Path("/dev/shm", TOKEN).touch(), Path("/dev/shm", TOKEN).exists),
    "POSIX queue": (
        lambda: call("mq_open", TOKEN.encode(), os.O_RDWR | os.O_CREAT, 0o600, None),
        lambda: call("mq_open", TOKEN.encode(), os.O_RDWR, 0, None),
    ),
    "file": (lambda: Path("/tmp", TOKEN).touch(), Path("/tmp", TOKEN).exists),
    "abstract socket": (lambda: listen(socket.AF_UNIX, f"\0{TOKEN}"), lambda: connects(socket.AF_UNIX, f"\0{TOKEN}")),
    "port": (
        lambda: listen(socket.AF_INET, ("127.0.0.1", PORT)),
        lambda: connects(socket.AF_INET, ("127.0.0.1", PORT)),
    ),
    "process": (name_process, lambda: TOKEN[:15] in process_names()),
    "flock": (lambda: fcntl.flock(hold("flock"), fcntl.LOCK_EX), is_locked),
    "record lock": (
        lambda: record_lock(37, fcntl.F_RDLCK),  # F_OFD_SETLK
        lambda: record_lock(36, fcntl.F_WRLCK) != fcntl.F_UNLCK,  # F_OFD_GETLK
    ),
    "inotify": (SHARED_FILES["inotify"].read_bytes, lambda: os.read(watch_with_inotify(), 4096)),
    "time of access": (
        SHARED_FILES["time of access"].read_bytes,
        lambda: changes("atime", SHARED_FILES["time of access"].stat().st_atime_ns),
    ),
    # these change the host's files unless they are denied
    "mode in /proc": (lambda: os.chmod("/proc/version", 0o445), lambda: os.stat("/proc/version").st_mode & 1),
    "time in /dev": (lambda: os.utime("/dev/full"), lambda: changes("dev", os.stat("/dev/full").st_mtime_ns)),
}


def main() -> None:
    names = set(MEANS) - set(json.loads(os.environ["OMITTED"]))
    received: set[str] = set()
    deadline = time.monotonic() + (1.5 if os.environ["ROLE"] == "receive" else 60)
    while time.monotonic() < deadline:
        for name in names - received:
            with contextlib.suppress(OSError):
                if os.environ["ROLE"] == "send":
                    MEANS[name][0]()
                elif MEANS[name][1]():
                    received.add(name)
        if os.environ["ROLE"] == "send":
            print("ready", flush=True)
        time.sleep(0.1)
    print(json.dumps(sorted(received)))


if __name__ == "__main__":
    main()
